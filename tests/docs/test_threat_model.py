"""The threat model cites tests as proof: each of them exists under that name."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def cited() -> set[str]:
    return set(re.findall(r"`(test_\w+)`", (ROOT / "docs/threat-model.md").read_text("utf-8")))


def test_every_test_that_the_threat_model_cites_exists() -> None:
    defined: set[str] = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        defined |= set(re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.M))
    assert len(cited()) > 30
    assert cited() - defined == set()


def test_every_row_of_attacks_has_a_proof_or_says_its_limit() -> None:
    text = (ROOT / "docs/threat-model.md").read_text("utf-8")
    table = text.partition("| attack | answer | proof, or limit |")[2].splitlines()[2:]
    rows = [line for line in table if line.startswith("|")]
    assert len(rows) > 20
    for row in rows:
        proof = row.split("|")[3]
        assert "`test_" in proof or "limit" in proof, row
