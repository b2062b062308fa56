"""The reference pages say what the code says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load_generator()


@pytest.mark.parametrize("page", sorted(generate.PAGES))
def test_a_reference_page_is_what_the_code_draws(page: str) -> None:
    drawn = generate.NOTICE + generate.PAGES[page]().rstrip() + "\n"
    assert (DOCS / page).read_text("utf-8") == drawn, "run `python docs/generate.py`"


def headings(page: str) -> set[str]:
    lines = (DOCS / page).read_text("utf-8").splitlines()
    return {line.lstrip("# ") for line in lines if line.startswith("#")}


def test_every_error_has_its_heading_and_says_whose_fault_and_what_to_do() -> None:
    classes = generate.error_classes()
    assert len(classes) > 20
    assert {cls.__name__ for cls in classes} <= headings("errors.md")
    for cls in classes:
        assert cls.remedy
        assert cls.__doc__


def test_no_two_errors_share_a_name() -> None:
    names = [cls.__name__ for cls in generate.error_classes()]
    assert sorted(names) == sorted(set(names))


def test_every_error_is_one_level_below_one_of_the_five() -> None:
    from softfall import errors

    five = set(errors.SoftfallError.__subclasses__())
    assert len(five) == 5
    for cls in generate.error_classes():
        assert set(cls.__bases__) & five, f"{cls.__name__} must derive from one of the five"


def test_every_setting_has_its_heading_and_a_comment() -> None:
    from softfall.config import Settings

    for name, section in Settings.model_fields.items():
        for key, info in section.annotation.model_fields.items():  # type: ignore[union-attr]
            assert f"{name}.{key}" in headings("configuration.md")
            assert info.description


def test_every_route_of_every_service_has_its_heading() -> None:
    for service, description in generate.openapi().items():
        assert service in headings("http.md")
        for path, operations in description["paths"].items():
            for method in operations:
                assert f"{method.upper()} {path}" in headings("http.md")


def test_every_verb_has_its_heading() -> None:
    import typer.main

    from softfall.cli.main import app

    verbs = list(generate._verbs(typer.main.get_command(app), ["softfall"]))
    assert len(verbs) > 10
    for path, command in verbs:
        assert " ".join(path) in headings("cli.md")
        assert command.help
