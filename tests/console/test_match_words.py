"""How a page tells a match: in a moderator's words, with an epoch only where there is one."""

from pathlib import Path

import pytest

from softfall.casework.incoming import DIRECT, HashFacts, Incoming
from softfall.casework.model import Role, Source

from .house import START_MS, console


@pytest.mark.parametrize(
    ("source", "option", "epoch", "reason", "told", "untold"),
    [
        (
            Source.SURFACE, DIRECT, 0, "within 31 bits of a list entry",
            "compared directly with the list as it stood on 9 October 2025", "epoch",
        ),
        (
            Source.BLOCKED, "split", 7, "confirmed: within 31 bits of an entry",
            "epoch 7", "compared directly",
        ),
    ],
)  # fmt: skip
def test_a_match_is_told_without_bits_and_without_an_epoch_that_is_none(
    tmp_path: Path, tls_dir: Path, source: Source, option: str, epoch: int, reason: str,
    told: str, untold: str,
) -> None:  # fmt: skip
    facts = HashFacts(option=option, epoch=epoch, confirmed=True, entry=3, sources=("a list",))
    incoming = Incoming(
        reference="one", source=source, subject="mallory", reason=reason, kind="profile picture",
        arrived_at_ms=START_MS, facts=facts,
    )  # fmt: skip
    with console(tmp_path / "console", tls_dir) as house:
        mo = house.person(Role.MODERATOR, "mo")
        case_id = house.service.desk.take_in("provider", incoming).case_id
        mo.post("/shift/start")
        page = mo.get(f"/cases/{case_id}").text
    assert "a confirmed match" in page
    assert "31 bits" not in page
    assert told in page
    assert untold not in page


def test_a_match_by_a_view_says_so_and_names_the_picture_by_number(
    tmp_path: Path, tls_dir: Path
) -> None:
    facts = HashFacts(
        option=DIRECT, epoch=0, confirmed=True, entry=3, view="crop-centre-5", whole=2,
    )  # fmt: skip
    incoming = Incoming(
        reference="one", source=Source.SURFACE, subject="mallory", reason="on the list",
        kind="profile picture", arrived_at_ms=START_MS, facts=facts,
    )  # fmt: skip
    with console(tmp_path / "console", tls_dir) as house:
        mo = house.person(Role.MODERATOR, "mo")
        case_id = house.service.desk.take_in("provider", incoming).case_id
        mo.post("/shift/start")
        page = mo.get(f"/cases/{case_id}").text
    assert "crop-centre-5" in page
    assert "(entry 2)" in page
