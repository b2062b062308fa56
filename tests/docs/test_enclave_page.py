"""docs/options.md says of `enclave` what the code does: reasons, refusals, sizes, tolerances."""

import re
from pathlib import Path

import pytest

from softfall.errors import OperatorError, PeerError
from softfall.media.pdq import Unhashable
from softfall.options.contract import Mismatch
from softfall.options.enclave import chain, documents, opening, provider, refusals, wire
from softfall.options.enclave.parameters import Policy
from softfall.options.enclave.provider import question
from tests.options.enclave.parties import Parties, random_hash

WHOLE = (Path(__file__).parents[2] / "docs" / "options.md").read_text("utf-8")
PAGE = WHOLE.partition("\n## `enclave`\n")[2].partition("\n## ")[0]


def test_there_is_a_section() -> None:
    assert len(PAGE) > 1000


def test_every_refusal_of_an_attestation_is_named() -> None:
    errors = {
        value.__name__
        for module in (chain, documents, refusals)
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, PeerError | OperatorError)
        and value.__module__ == module.__name__
    }
    assert len(errors) == 16
    for name in errors:
        assert f"`{name}`" in PAGE, name


def test_every_reason_of_the_recipients_check_is_explained() -> None:
    reasons = {value.reason for value in vars(opening).values() if isinstance(value, Mismatch)}
    for reason in reasons | {"claims unhashable"}:
        assert f"| `{reason}` |" in PAGE, reason


def test_every_reason_why_a_submission_is_malformed_is_named() -> None:
    source = Path(provider.__file__).read_text("utf-8")
    reasons = re.findall(r'Malformed\("([^"]+)"\)', source)
    assert len(reasons) == 6
    for reason in reasons:
        assert f"`{reason}`" in PAGE, reason


@pytest.mark.parametrize("policy", list(Policy))
def test_the_sizes_are_what_the_parties_really_send(policy: Policy) -> None:
    parties = Parties([random_hash(1)], policy)
    submission, opening = parties.send(Unhashable("flat", 0))
    asked = question([submission])
    sizes = {
        "enclave_sealed": len(submission.body),
        "enclave_opening": len(opening),
        "enclave_question": len(asked),
        "enclave_answer": len(parties.enclave.answer(asked)),
    }
    for name, size in sizes.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}`"))
        assert f"{size:,}" in row.split("|")[3], name


def test_the_tolerance_of_a_plane_is_the_one_that_the_page_states() -> None:
    sentence = next(part for part in PAGE.split("\n\n") if part.startswith("Decoders may differ"))
    assert f"by {opening.PLANE_LEVELS} levels" in sentence
    assert f"up to {opening.PLANE_MARGIN}" in sentence
    assert wire.PLANE_BYTES == 64 * 64
