"""docs/options.md names every reason that `split` gives, and its sizes are the real ones."""

import re
from pathlib import Path

import pytest

from softfall.media.pdq import Unhashable
from softfall.options import decoders
from softfall.options.contract import Mismatch
from softfall.options.split import device, provider
from softfall.options.split.parameters import DEFAULT_PARAMETERS
from softfall.options.tags import device as tags_device
from softfall.options.tags import opening, tolerance
from tests.options.split.parties import Parties, random_hash

PAGE = (Path(__file__).parents[2] / "docs" / "options.md").read_text("utf-8")


def test_every_reason_of_the_recipients_check_is_explained() -> None:
    reasons = {
        value.reason
        for module in (device, tags_device, opening, tolerance, decoders)
        for value in vars(module).values()
        if isinstance(value, Mismatch)
    }
    assert len(reasons) == 7
    for reason in reasons:
        assert f"| `{reason}` |" in PAGE


def test_every_reason_why_a_submission_is_malformed_is_named() -> None:
    source = Path(provider.__file__).read_text("utf-8")
    reasons = re.findall(r'Malformed\("([^"]+)"\)', source)
    assert len(reasons) == 4
    for reason in reasons:
        assert f"`{reason}`" in PAGE


def test_the_sizes_are_what_the_parties_really_send() -> None:
    parties = Parties([random_hash(1)], parameters=DEFAULT_PARAMETERS)
    pending = parties.device.begin(Unhashable("flat", 0), parties.secret())
    reply = parties.custodian.answer(pending.request.body)
    submission, opened = pending.finish(reply)
    bodies = {
        "tags_request": pending.request.body,
        "tags_reply": reply,
        "split_submission": submission.body,
        "split_opening": opened,
    }
    for name, body in bodies.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}`"))
        assert f"| {len(body):,} |" in row
    row = next(line for line in PAGE.splitlines() if line.startswith("| `split_artefact`"))
    assert f"| {12 * parties.parameters.tables} an entry |" in row


@pytest.mark.parametrize("value", ["BITS", "MARGIN", "QUALITY"])
def test_the_tolerance_is_the_one_that_the_page_states(value: str) -> None:
    sentence = next(part for part in PAGE.split("\n\n") if part.startswith("Decoder tolerance"))
    assert re.search(rf"\b{getattr(decoders, value)}\b", sentence)
