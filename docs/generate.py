"""Draws the reference pages of docs/ from the code, so that they can't drift from it.

Run `python docs/generate.py` to write them; `tests/docs` fails while a page differs.
"""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import typer.main

import softfall
from softfall import config, errors, wire

DOCS = Path(__file__).parent
NOTICE = "<!-- Drawn from the code by docs/generate.py; edit the code instead. -->\n"


def modules() -> Iterator[Any]:
    """Every module of the package, loaded; entry points that run when loaded have none."""
    for info in pkgutil.walk_packages(softfall.__path__, "softfall."):
        if "migrations" not in info.name:
            yield importlib.import_module(info.name)


def error_classes() -> list[type[errors.SoftfallError]]:
    """Every concrete error of the product, by name."""
    loaded = list(modules())
    found = {
        value
        for module in loaded
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, errors.SoftfallError)
        and value.__module__ != errors.__name__
    }
    return sorted(found, key=lambda cls: (cls.__name__, cls.__module__))


def errors_page() -> str:
    """A heading per error: whose fault, what happened, what to do, HTTP status, exit code."""
    from softfall.cli.main import EXIT_CODES

    parts = [
        "# Errors\n",
        "Every error has a name, says whose fault it is, and what to do. Over HTTP it is JSON: "
        "`error`, `blame`, `what`, `remedy`. On the command line it is two lines and an exit "
        "code.\n",
    ]
    for cls in error_classes():
        room = cls.__module__.removeprefix("softfall.")
        parts += [
            f"## {cls.__name__}\n",
            f"{_first_paragraph(cls)}\n",
            f"- **Blame:** {cls.blame.value}; {_http(cls)}"
            f"**exit code:** {EXIT_CODES[cls.blame]}; **raised by:** `{room}`",
            f"- **What to do:** {cls.remedy}\n",
        ]
    return "\n".join(parts)


def _http(cls: type[errors.SoftfallError]) -> str:
    """The statuses that a service answers with; nothing for errors that stay on a device."""
    from softfall.console import statuses as console
    from softfall.custodian import app as custodian
    from softfall.custodian.lookup import app as lookup
    from softfall.dealer import app as dealer
    from softfall.edge.errors import EDGE_STATUSES, STATUS_OF_BLAME
    from softfall.enclave import app as enclave
    from softfall.keyholder import app as keyholder
    from softfall.provider import statuses as provider

    room = cls.__module__.split(".")[1]
    if room in {"device", "compare", "cli", "hasher", "media", "testing", "config"}:
        return ""
    services = (console, custodian, lookup, dealer, enclave, keyholder, provider)
    tables = {**EDGE_STATUSES, **{k: s for room in services for k, s in room.STATUSES.items()}}
    kinds = (kind for kind in cls.__mro__ if kind in tables)
    return (
        f"**HTTP:** {tables[kind] if (kind := next(kinds, None)) else STATUS_OF_BLAME[cls.blame]}; "
    )


def configuration_page() -> str:
    """A heading per setting."""
    parts = [
        "# Configuration\n",
        "One TOML file, for every service. `softfall config show --default > softfall.toml` "
        "writes it with all comments; `softfall config check softfall.toml` checks it. An unknown "
        "key is an error that names the nearest known one. The environment outranks the file: "
        "`SOFTFALL__PROVIDER__PORT=9443`. `SOFTFALL_CACHE_DIR` names the folder of "
        "[compiled kernels](hashing.md#the-first-use-of-a-kernel).\n",
    ]
    for name, section in config.Settings.model_fields.items():
        model = section.annotation
        assert isinstance(model, type)
        assert issubclass(model, config.Section)
        about = (model.__doc__ or "").split(": ", 1)[-1]
        parts += [f"## {name}\n", f"{about[0].upper()}{about[1:]}\n"]
        for key, info in model.model_fields.items():
            parts += [
                f"### {name}.{key}\n",
                f"{info.description} Default: `{info.default!s}`.\n"
                if str(info.default)
                else f"{info.description} Default: empty.\n",
            ]
    return "\n".join(parts)


def cli_page() -> str:
    """A heading per verb of the command line."""
    from softfall.cli.main import app

    parts = [
        "# The command line\n",
        "Exit codes: 0 all well; 1 some items failed (each said so); 2 usage or configuration; "
        "3 another party failed or cheated; 4 a rule refused.\n",
    ]
    for path, command in _verbs(typer.main.get_command(app), ["softfall"]):
        context = click.Context(command, info_name=" ".join(path))
        parts += [f"## {' '.join(path)}\n", f"{(command.help or '').strip()}\n"]
        rows = [
            record for p in command.get_params(context) if (record := p.get_help_record(context))
        ]
        arguments = [p for p in command.params if isinstance(p, click.Argument)]
        parts += [f"- `{a.human_readable_name}`: {getattr(a, 'help', '') or ''}" for a in arguments]
        parts += [
            f"- `{row[0]}`: {' '.join(row[1].split())}"
            for row in rows
            if row[0] not in {"--help", *(a.human_readable_name for a in arguments)}
            and not any(row[0].startswith(a.human_readable_name) for a in arguments)
        ]
        parts.append("")
    return "\n".join(parts)


def _verbs(command: click.Command, path: list[str]) -> Iterator[tuple[list[str], click.Command]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in sorted(children.items()):
        yield from _verbs(child, [*path, name])


def wire_page() -> str:
    """A heading per message between parties, with its fields."""
    parts = [
        "# Wire formats\n",
        "Messages between parties. Each is a CBOR array of its fields' values in order, in the "
        "deterministic encoding of RFC 8949 section 4.2; any other bytes are refused "
        "(`MalformedMessage`). The receiver is who may see the fields.\n",
    ]
    seen: set[str] = set()
    for module in modules():
        own = [v for v in vars(module).values() if isinstance(v, wire.Message)]
        for message in own:
            if message.name in seen:
                continue
            seen.add(message.name)
            room = module.__name__.removeprefix("softfall.")
            parts += [
                f"## {message.name}\n",
                f"Received by: **{message.receiver.value}**. At most {message.max_bytes:,} bytes. "
                f"Declared in `{room}`.\n",
                "| field | value | meaning |",
                "|---|---|---|",
                *(f"| `{f.name}` | {f.kind} | {f.meaning} |" for f in message.fields),
                "",
            ]
    return "\n".join(parts)


def http_page() -> str:
    """A heading per route of each service, from its OpenAPI description."""
    parts = [
        "# HTTP routes\n",
        "Each running service serves its own OpenAPI description at `/openapi.json` and a page "
        "to read it at `/docs` (the console has no such page: it would need scripts from "
        "elsewhere).\n",
    ]
    for service, description in openapi().items():
        parts.append(f"## {service}\n")
        for path, operations in sorted(description["paths"].items()):
            for method, operation in sorted(operations.items()):
                replies = ", ".join(
                    f"{code} ({reply['description']})"
                    for code, reply in sorted(operation["responses"].items())
                )
                text = operation.get("description") or operation.get("summary", "")
                parts += [
                    f"### {method.upper()} {path}\n",
                    f"{text.strip()}\n",
                    f"Replies: {replies}.\n",
                ]
    return "\n".join(parts)


def casework_page() -> str:
    """Casework's tables: the ones that run."""
    from softfall.casework import effects, life, priority, rights

    words = {"release": "released", "block": "kept back", None: "-"}
    deeds = [f"| {deed} | {', '.join(sorted(roles))} |" for deed, roles in rights.RIGHTS.items()]
    return "\n".join(
        [
            "# Casework's tables\n",
            "Drawn from the tables that run. What they mean for people is in "
            "[casework.md](casework.md).\n",
            "## The life of a case\n",
            f"```mermaid\n{life.mermaid()}\n```\n",
            "| from | to | by | when |",
            "|---|---|---|---|",
            *(
                f"| {row.start or '-'} | {row.end} | {', '.join(sorted(row.actors))} "
                f"| {row.meaning} |"
                for row in life.LIFE
            ),
            "\n## What a decision does\n",
            "A pair that is not in the table does nothing; a case allows an outcome if it does "
            "something about one of its sources.\n",
            "| source | outcome | held message | account | is the account told? | meaning |",
            "|---|---|---|---|---|---|",
            *(
                f"| {source} | {outcome} | {words[effect.hold]} "
                f"| {'-' if effect.account == 'none' else effect.account} "
                f"| {'yes' if effect.tells else 'no'} | {effect.meaning} |"
                for source, outcomes in effects.EFFECTS.items()
                for outcome, effect in outcomes.items()
            ),
            "\nA held message of an unconfirmed match, or of an outage, is "
            f"{words[effects.ON_UNCONFIRMED.hold]} whatever is decided, without a measure and "
            "without a word to its account; a case of nothing else allows no measure.",
            "\n## What is looked at first\n",
            "A child at risk now comes before everything else. All other cases go by when they "
            "are due: their opening plus the shortest time of the rules that apply.\n",
            "| rule | due within hours |",
            "|---|---|",
            *(f"| {rule.words} | {rule.hours} |" for rule in priority.RULES),
            f"| none of these | {priority.ORDINARY_HOURS} |",
            "\n## Who may do what\n",
            "| deed | roles |",
            "|---|---|",
            *deeds,
            "",
        ]
    )


def help_lines_page() -> str:
    """The table of help lines, for people to read and correct."""
    from softfall.device.help_lines import page

    return page()


def openapi() -> dict[str, dict[str, Any]]:
    """Each service's OpenAPI description; nothing is started."""
    from softfall.console.app import make as make_console
    from softfall.testing.services import openapi_descriptions

    console = make_console(config.Settings.model_construct())
    return {**openapi_descriptions(), "console": console.openapi()}


def _first_paragraph(cls: type) -> str:
    return " ".join((inspect.getdoc(cls) or "").split("\n\n", maxsplit=1)[0].split())


PAGES: dict[str, Callable[[], str]] = {
    "errors.md": errors_page,
    "configuration.md": configuration_page,
    "cli.md": cli_page,
    "wire-formats.md": wire_page,
    "http.md": http_page,
    "help-lines.md": help_lines_page,
    "casework-tables.md": casework_page,
}


def referral_life() -> str:
    """The diagram of a referral's life at the authority."""
    from softfall.casework.referral.life import mermaid

    return f"```mermaid\n{mermaid()}\n```"


def hotline_life() -> str:
    """The diagram of a referral's life by e-mail."""
    from softfall.casework.hotline.life import mermaid

    return f"```mermaid\n{mermaid()}\n```"


def referral_schema() -> str:
    """The JSON Schema of a referral."""
    from softfall.casework.hotline.document import schema_json

    return schema_json()


# Parts of pages that people write: between `<!-- drawn: NAME -->` and `<!-- drawn: end -->`.
PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    "referral life": ("referral.md", referral_life),
    "hotline life": ("hotline.md", hotline_life),
}


def with_part(page: str, name: str, part: str) -> str:
    """A page with one part drawn anew."""
    start, end = f"<!-- drawn: {name} -->\n", "<!-- drawn: end -->"
    before, rest = page.split(start)
    return before + start + part + "\n" + end + rest.split(end, 1)[1]


def main() -> None:
    """Write every page."""
    for name, draw in PAGES.items():
        (DOCS / name).write_text(NOTICE + draw().rstrip() + "\n", "utf-8")
        sys.stdout.write(f"docs/{name}\n")
    for name, (page, draw) in PARTS.items():
        path = DOCS / page
        path.write_text(with_part(path.read_text("utf-8"), name, draw()), "utf-8")
        sys.stdout.write(f"docs/{page}: {name}\n")
    (DOCS / "referral-schema.json").write_text(referral_schema(), "utf-8")
    sys.stdout.write("docs/referral-schema.json\n")


if __name__ == "__main__":
    main()
