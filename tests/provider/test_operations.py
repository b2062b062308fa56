"""docs/operations.md says what the code does."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from softfall.provider.figures import Figures
from softfall.provider.life import TIMEOUTS, Overdue, mermaid

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text("utf-8")


def test_the_diagram_is_drawn_from_the_table_that_runs() -> None:
    assert f"```mermaid\n{mermaid()}\n```" in PAGE


def test_every_kind_of_hold_is_in_the_table_with_its_rule() -> None:
    words = {Overdue.RELEASE: "| released", Overdue.ESCALATE: "| escalated"}
    for rule in TIMEOUTS:
        (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{rule.kind}`")]
        assert words[rule.then] in line


def test_every_figure_of_the_provider_is_explained() -> None:
    registry = CollectorRegistry()
    Figures(registry)
    for family in registry.collect():
        suffix = "_total" if family.type == "counter" else ""
        assert f"| `{family.name}{suffix}" in PAGE, family.name
