"""docs/options.md and docs/homomorphic.md say of `homomorphic` what code and tests do."""

import re
from pathlib import Path

import pytest

from softfall.config import ProviderSettings
from softfall.media.pdq import Unhashable
from softfall.options.contract import Mismatch
from softfall.options.homomorphic import opening, provider
from softfall.options.homomorphic.parameters import REPLAY_BUDGET, Mode
from softfall.options.homomorphic.segments import BLOCK_ROWS, LIST_ROWS
from tests.options.homomorphic.parties import Parties, random_hashes

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "options.md").read_text("utf-8").partition("\n## `homomorphic`\n")[2]
PLAIN = (ROOT / "docs" / "homomorphic.md").read_text("utf-8")


def test_every_reason_of_the_recipients_check_is_explained() -> None:
    reasons = {value.reason for value in vars(opening).values() if isinstance(value, Mismatch)}
    for reason in reasons | {"another picture", "claims unhashable"}:
        assert f"| `{reason}` |" in PAGE, reason


def test_every_reason_why_a_submission_is_malformed_is_named() -> None:
    source = Path(provider.__file__).read_text("utf-8")
    reasons = set(re.findall(r'Malformed\("([^"]+)"\)', source))
    assert len(reasons) == 6
    for reason in reasons:
        assert f"| `{reason}` |" in PAGE, reason


def test_the_limit_on_sending_is_the_settings_own() -> None:
    per_day = ProviderSettings(data_dir=Path("data")).media_per_day
    model = (ROOT / "docs" / "threat-model.md").read_text("utf-8")
    for page in (PLAIN, model):
        assert f"{per_day:,} pictures and frames a day" in page


def test_the_fixed_sizes_are_those_of_real_messages() -> None:
    submission, opened = Parties({}).send(Unhashable("flat", 0))
    for name, size in (
        ("homomorphic_query", len(submission.body)),
        ("homomorphic_opening", len(opened)),
    ):
        assert f"| `{name}` |" in PAGE
        assert re.search(rf"`{name}` \|[^|]*\| {size:,} \|", PAGE), f"{name}: {size:,}"


@pytest.mark.parametrize("mode", list(Mode))
def test_the_sizes_a_row_are_those_of_a_real_run(mode: Mode) -> None:
    parties = Parties(dict(enumerate(random_hashes(4800))), mode, names_entry=True)
    _, told = parties.exchange([parties.send(bytes(32))[0]])
    assert told.finish is not None
    assert told.finished is not None
    rows = parties.prepared.rows
    bytes_a_row = {
        Mode.ONE_BIT: (1.5, 1.375, 0.25, 0.125),
        Mode.PERMUTED: (1.5, 1.125, 1.125, 0.125),
    }[mode]
    sent = (told.begin, told.begun, told.finish, told.finished)
    for body, expected in zip(sent, bytes_a_row, strict=True):
        fixed = 1300 if body is told.begin else 100
        assert expected * rows <= len(body) <= expected * rows + fixed
        assert f"{expected:g}" in PAGE


def test_the_numbers_of_the_protocol_are_the_codes() -> None:
    assert f"Blocks of {BLOCK_ROWS} rows: {LIST_ROWS} for entries" in PAGE
    assert REPLAY_BUDGET == 8
    assert "one query eight times" in PAGE
    assert "query be run eight times" in PLAIN


@pytest.mark.parametrize("text", [PAGE, PLAIN], ids=["options", "plain language"])
def test_every_test_that_a_page_names_is_there(text: str) -> None:
    written = "".join(
        path.read_text("utf-8")
        for path in (ROOT / "tests" / "options" / "homomorphic").glob("test_*.py")
    )
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named
    for name in named:
        assert f"def {name}(" in written, name


@pytest.mark.parametrize("text", [PAGE, PLAIN], ids=["options", "plain language"])
def test_both_pages_say_that_nobody_has_audited_it(text: str) -> None:
    assert "audited" in text
    assert "our own" in text
