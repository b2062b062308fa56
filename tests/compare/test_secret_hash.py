"""The study of the research mode on photographs, and its verb."""

import json
import secrets
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from softfall.compare.everyday import EVERYDAY, for_study
from softfall.compare.photographs import default_paths
from softfall.compare.secret_hash import TooFewPictures, study
from tests.cli.typed import typed

FEW = [
    Image.open(path).convert("RGB")
    for path in default_paths()
    if path.stem in ("astronaut", "chelsea", "coffee", "rocket")
]
EDITS = [edit for edit in EVERYDAY if edit.name in ("JPEG 30", "mirror")]


def test_slightly_edited_copies_of_listed_photographs_are_found_and_mirrored_ones_are_not() -> None:
    found = study([for_study(each) for each in FEW], EDITS, secrets.token_bytes)
    assert (found.listed, found.unlisted) == (2, 2)
    rows = {row.edit: row for row in found.rows}
    assert rows["JPEG 30"].secret.count == rows["JPEG 30"].plain.count == 2
    assert rows["mirror"].secret.count == rows["mirror"].plain.count == 0
    assert all(row.secret_mistaken.count == 0 for row in found.rows)
    assert found.agreed.count == found.agreed.total == 8
    assert found.query_bytes > 196_608
    assert found.separation[0] > 1


def test_pictures_without_detail_are_refused_by_name() -> None:
    plain = Image.fromarray(np.full((64, 64, 3), 90, np.uint8))
    with pytest.raises(TooFewPictures, match="1 of 2 pictures"):
        study([FEW[0], plain], EDITS, secrets.token_bytes)


def test_the_verb_says_that_it_is_research_and_writes_everything(tmp_path: Path) -> None:
    for number, picture in enumerate(FEW[:3]):
        picture.save(tmp_path / f"{number}.jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    out = tmp_path.with_suffix(".json")
    done = typed(tmp_path, "research", "secret-hash", tmp_path, "--json", out)
    assert done.returncode == 0
    assert done.stdout.startswith("RESEARCH MODE: no service offers this.")
    assert "left out: notes" in done.stdout
    assert json.loads(out.read_text())["listed"] == 2
