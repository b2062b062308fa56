"""The page on lookups: each question in it is asked, and answered as the page says."""

import io
import itertools
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from softfall.edge.confined import PictureLimits
from softfall.edge.hashing import LookupHasherProcess
from tests.custodian.lookup.looking import Lookups

PAGE = Path(__file__).parents[2] / "docs" / "lookup.md"
EXAMPLES = re.findall(
    r"```sh\n(curl .*?)```\n+```json\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL
)
LISTED = bytes.fromhex("f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22")
LIMITS = PictureLimits(100_000_000, 4 << 30)


def files() -> dict[str, bytes]:
    """What the examples send."""
    blank = io.BytesIO()
    Image.new("RGB", (200, 100), "white").save(blank, "PNG")
    return {"hashes.bin": bytes(range(96)), "blank.png": blank.getvalue()}


def asked(lookups: Lookups, command: str) -> Any:
    """What curl would have been answered."""
    words = shlex.split(command.replace("\\\n", " ").replace("$TOKEN", lookups.token))
    options = list(itertools.pairwise(words))
    headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
    (body,) = (value for option, value in options if option == "--data-binary")
    content = files()[body[1:]] if body.startswith("@") else body.encode()
    (url,) = (word for word in words if word.startswith("https://"))
    path = "/" + url.split("/", 3)[3]
    return lookups.ask("POST", path, content=content, headers=headers).json()


def test_there_is_an_example_of_each_kind_of_question() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize(("command", "answer"), EXAMPLES)
def test_each_example_is_answered_as_the_page_says(
    command: str, answer: str, tmp_path: Path
) -> None:
    lookups = Lookups(tmp_path)
    lookups.hasher = LookupHasherProcess(LIMITS)  # type: ignore[assignment]
    lookups.restarted()
    lookups.list(LISTED, "landscape")
    assert asked(lookups, command) == json.loads(answer)
