"""What the prose promises exists: commands, links, settings, folders."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def test_there_are_the_pages_that_a_newcomer_needs() -> None:
    assert {
        "README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/threat-model.md",
        "docs/options.md", "docs/configuration.md", "docs/wire-formats.md", "docs/operations.md",
    } <= set(NAMES)  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_softfall_command_in_a_page_is_a_verb_with_known_options(page: Path) -> None:
    text = page.read_text("utf-8")
    quoted = re.findall(r"`(softfall [^`\n]+)`", text)
    blocks = re.findall(r"```(?:sh|console|bash)?\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    commands = quoted + [line for line in lines if line.startswith("softfall ")]
    for command in commands:
        check_command(command.split("#")[0].split(">")[0].split("|")[0].strip(), page.name)


def check_command(command: str, page: str) -> None:
    from softfall.cli.main import app

    current = typer.main.get_command(app)
    words = shlex.split(command.replace("[", "").replace("]", "").replace("...", ""))[1:]
    while words and hasattr(current, "commands"):
        verb = words.pop(0)
        if "|" in verb or verb.startswith("-") or verb.isupper():
            return
        assert verb in current.commands, f"{page}: no verb {verb!r} in {command!r}"
        current = current.commands[verb]
    known = {name for param in current.params for name in param.opts} | {"--help"}
    for word in words:
        if word.startswith("--"):
            assert word.split("=")[0] in known, f"{page}: no option {word!r} in {command!r}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_make_target_in_a_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for target in re.findall(r"`make ([a-z]+)`", page.read_text("utf-8")):
        assert target in targets
