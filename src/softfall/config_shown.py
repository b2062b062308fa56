"""The configuration as people see it: as a commented file, or as a page of settings.

Guarantees: drawn from the classes of `config`, so that comments can't drift from the code; a secret
that is set is never shown.
"""

from dataclasses import dataclass

from softfall.config import Section, Settings

_SECRETS = ("_token", "_password", "_secret", "database_url")  # a URL may hold a password


def to_toml(settings: Settings) -> str:
    """A commented file of every setting and its value; a secret that is set is not shown."""
    lines = [
        "# Softfall's configuration. Every line is optional; what is left out has its default."
    ]
    for section in shown(settings):
        lines += ["", f"# {section.about}", f"[{section.name}]"]
        for one in section.settings:
            lines += [f"# {one.about}"]
            lines += [
                f"# {one.name} is set, and not shown" if one.hidden else f"{one.name} = {one.value}"
            ]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One setting as people see it. value: as TOML; empty where a secret is hidden."""

    name: str
    about: str
    value: str
    is_default: bool
    hidden: bool


@dataclass(frozen=True, slots=True)
class ShownSection:
    """One table of the file as people see it."""

    name: str
    about: str
    settings: tuple[ShownSetting, ...]


def shown(settings: Settings) -> list[ShownSection]:
    """Every setting with its comment and value; a secret that is set is not shown."""
    sections = []
    for name, section in Settings.model_fields.items():
        model = section.annotation
        assert isinstance(model, type) and issubclass(model, Section)  # noqa: PT018 - one fact
        values, found = getattr(settings, name), []
        for key, info in model.model_fields.items():
            value = getattr(values, key)
            hidden = key.endswith(_SECRETS) and value != ""
            told = "" if hidden else _toml(value)
            default = not hidden and value == info.default
            found.append(ShownSetting(key, info.description or "", told, default, hidden))
        about = (model.__doc__ or "").splitlines()[0]
        sections.append(ShownSection(name, about, tuple(found)))
    return sections


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
