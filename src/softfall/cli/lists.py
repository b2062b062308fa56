"""`softfall list`: the keeper's hands on the custodian's list.

Whole hashes leave only by `export`, into a file or an output that the keeper names. Everything else
prints a hash's first digits, and entry numbers.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softfall import config
from softfall.cli.list_build import build
from softfall.cli.list_files import (
    export_to,
    form_of_name,
    guess_form_of,
    open_list,
    progress_bar,
    spinner,
)
from softfall.cli.list_index import index, searched
from softfall.cli.publish import publish
from softfall.errors import InputError
from softfall.lists.formats.forms import Form

if TYPE_CHECKING:  # the database is loaded only when a verb runs
    from softfall.custodian.catalogue import Catalogue
    from softfall.lists.entries import Entry
    from softfall.lists.report import ImportReport

app = typer.Typer(help="Keep the custodian's list.", no_args_is_help=True)
app.command()(build)
app.command()(publish)
app.command()(index)

CLOCK_GRACE_MS = 3_600_000
"""How far ahead of this clock a list's times may lie."""

Config = Annotated[
    Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
]
FormOption = Annotated[
    Form | None,
    typer.Option("--form", help="The form of the file; guessed if left out.", show_default=False),
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", help="A label, such as a class; may be repeated.", show_default=False),
]
Certifiers = Annotated[
    list[str] | None,
    typer.Option(
        "--certifier",
        help="An organisation that looked and agrees; may be repeated.",
        show_default=False,
    ),
]
Key = Annotated[
    str | None,
    typer.Argument(
        metavar="[ENTRY]", help="An entry's number, or its whole hash.", show_default=False
    ),
]


class BadKey(InputError):
    """Neither an entry number nor a whole hash, nor a file."""

    remedy = "Give an entry's number, the 64 hexadecimal digits of a hash, or a file of hashes."


@app.command("import")
def import_list(
    file: Annotated[str, typer.Argument(help="The list file; - for standard input.")],
    form: FormOption = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="Whose list it is, where the file does not say (plain never says).",
            show_default=False,
        ),
    ] = None,
    label: Labels = None,
    certifier: Certifiers = None,
    config_file: Config = None,
) -> None:
    """Read a list: all its good lines, or (on any error) nothing at all.

    Forms: plain, csv, jsonl, threatexchange. Bad lines are reported by number; exit code 1 says
    that there were some. A list without dates never brings back what was withdrawn.
    """
    from softfall.lists.entries import clean_name, clean_organisation
    from softfall.lists.formats.fields import Importer
    from softfall.lists.formats.forms import read

    with open_list(file) as stream, _catalogue(config_file) as catalogue:
        form = form or guess_form_of(stream)
        if source is None and form is Form.THREATEXCHANGE:
            source = "threatexchange"
        importer = Importer(
            _source(source),
            frozenset(map(clean_name, label or ())),
            frozenset(map(clean_organisation, certifier or ())),
            _now_ms() + CLOCK_GRACE_MS,
        )
        with progress_bar(stream) as progress:
            items = read(stream, form, importer)
            report = catalogue.import_items(items, _now_ms(), progress)
    _print_report(file, form, report)
    if report.bad_count:
        raise typer.Exit(1)


@app.command("export")
def export_list(
    file: Annotated[Path, typer.Argument(help="The file to write; - for standard output.")],
    form: FormOption = None,
    source: Annotated[
        str | None, typer.Option(help="Only what this source says.", show_default=False)
    ] = None,
    active: Annotated[
        bool, typer.Option("--active", help="Leave out what is withdrawn (plain always does).")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    config_file: Config = None,
) -> None:
    """Write the list with its whole hashes, readable by you alone. Keep such a file safe.

    csv and jsonl keep everything; plain keeps active hashes only; threatexchange keeps neither
    sources nor milliseconds. Without --form, the name's end decides: .txt, .csv, .jsonl, .json.
    """
    form = form or form_of_name(file)
    source = _source(source)
    with _catalogue(config_file) as catalogue, spinner("exporting"):
        spoken = (
            statement
            for entry in catalogue.entries()
            for statement in entry.statements
            if source in (None, statement.source) and (statement.active or not active)
        )
        count = export_to(file, form, spoken, force)
    typer.echo(f"lines written: {count} ({form.value})", err=True)


@app.command()
def add(
    pdq: Annotated[
        str, typer.Argument(metavar="HASH", help="64 hexadecimal digits; - reads standard input.")
    ],
    source: Annotated[str, typer.Option(help="Who says so.", show_default=False)],
    label: Labels = None,
    certifier: Certifiers = None,
    config_file: Config = None,
) -> None:
    """Put one hash on the list by hand; what its source withdrew is listed again."""
    from softfall.lists.entries import Statement, clean_name, clean_organisation, parse_hash

    digits = sys.stdin.readline().strip() if pdq == "-" else pdq
    statement = Statement(
        parse_hash(digits),
        clean_organisation(source),
        frozenset(map(clean_name, label or ())),
        frozenset(map(clean_organisation, certifier or ())),
    )
    with _catalogue(config_file) as catalogue:
        _print_entry(catalogue.add(statement, _now_ms()))


@app.command()
def withdraw(
    entry: Key = None,
    source: Annotated[
        str | None, typer.Option(help="Only what this source says.", show_default=False)
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything that --source says, on every entry.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --all: do not ask.")] = False,
    config_file: Config = None,
) -> None:
    """Take an entry off the list, with its picture's views, for all its sources or for one.

    It stays in the catalogue as withdrawn, and in the epochs that were published with it; publish a
    new epoch for it to take effect.
    """
    if everything == (entry is not None) or (everything and source is None):
        raise typer.BadParameter("give an entry, or --all with --source")
    source = _source(source)
    with _catalogue(config_file) as catalogue:
        if entry is not None:
            done = catalogue.withdraw(_key(entry), source, _now_ms())
        else:
            assert source is not None
            if not yes:
                typer.confirm(f"Withdraw everything that {source!r} says?", abort=True)
            done = catalogue.withdraw_source(source, _now_ms())
    typer.echo(
        f"statements withdrawn: {done.statements}; entries that left the list: {done.entries}"
    )
    if done.views:
        typer.echo(f"with them, statements on views of the picture: {done.views}")


@app.command()
def show(entry: Key = None, config_file: Config = None) -> None:
    """Show the list in figures, or one entry with what each source says."""
    with _catalogue(config_file) as catalogue:
        if entry is not None:
            _print_entry(catalogue.show(_key(entry)))
            return
        summary = catalogue.summary()
    typer.echo(f"active entries     {summary.active}")
    typer.echo(f"  pictures         {summary.pictures}")
    typer.echo(f"  views of them    {summary.active - summary.pictures}")
    typer.echo(f"withdrawn entries  {summary.withdrawn}")
    typer.echo(f"newest epoch       {summary.last_epoch or 'none'}")
    for count in summary.by_source:
        typer.echo(f"source {count.source}: {count.active} active, {count.withdrawn} withdrawn")


@app.command()
def search(
    what: Annotated[
        str,
        typer.Argument(metavar="HASH|FILE", help="A whole hash, a file of them, or - for input."),
    ],
    radius: Annotated[int, typer.Option(min=0, help="In bits of 256; at most 31.")] = 31,
    config_file: Config = None,
) -> None:
    """Find the active entries near a hash, or near each hash of a file (any form of list)."""
    from softfall.lists.index.hamming import words
    from softfall.lists.report import ImportReport

    with _catalogue(config_file) as catalogue, spinner("searching"):
        hashes, report = _queries(what)
        data_dir = config.load(config_file).custodian.data_dir
        matches = searched(catalogue, data_dir, words(hashes), radius)
        found = catalogue.show_all(matches.entry_numbers.tolist())
    for row, number, bits in zip(
        matches.query_rows, matches.entry_numbers, matches.distances_bits, strict=True
    ):
        typer.echo(f"hash {row + 1}: {bits} bits from {_one_line(found[number])}")
    typer.echo(f"matches: {len(matches)}, for hashes: {len(hashes)}", err=True)
    _print_bad_lines(report or ImportReport())
    if report and report.bad_count:
        raise typer.Exit(1)


@contextmanager
def _catalogue(config_file: Path | None) -> Iterator["Catalogue"]:
    from softfall.custodian.catalogue import Catalogue

    with closing(Catalogue.open(config.load(config_file).custodian.data_dir)) as catalogue:
        yield catalogue


def _queries(what: str) -> tuple[list[bytes], "ImportReport | None"]:
    from softfall.lists.entries import PDQ_BYTES, parse_hash
    from softfall.lists.formats.fields import Importer
    from softfall.lists.formats.forms import load

    if what != "-" and not Path(what).exists():
        if len(what) != 2 * PDQ_BYTES:
            raise BadKey("no such file, and not a whole hash")
        return [parse_hash(what)], None
    with open_list(what) as stream:
        entries, report = load(stream, guess_form_of(stream), Importer(source="query"))
    return [entry.pdq for entry in entries], report


def _key(text: str) -> int | bytes:
    from softfall.lists.entries import PDQ_BYTES, parse_hash

    if len(text) == 2 * PDQ_BYTES:
        return parse_hash(text)
    if not (text.isascii() and text.isdigit() and len(text) <= 18):  # what a database can hold
        raise BadKey("neither an entry number nor a whole hash")
    return int(text)


def _source(name: str | None) -> str | None:
    from softfall.lists.entries import clean_organisation

    return clean_organisation(name) if name is not None else None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _print_report(file: str, form: Form, report: "ImportReport") -> None:
    typer.echo(f"{file} ({form.value}): {report.statements} statements")
    for what in ("added", "merged", "unchanged", "withdrawn", "relisted"):
        typer.echo(f"  {what:<10} {getattr(report, what)}")
    if report.views:
        typer.echo(f"  of them on views of a picture: {report.views}")
    for reason, count in sorted(report.skipped.items()):
        typer.echo(f"  skipped    {count} ({reason})")
    if report.unbalanced:
        typer.echo(
            f"  note: hashes that have not 128 ones of 256 bits: {report.unbalanced}; PDQ makes "
            "few such, so if there are many, check that the list holds PDQ hashes"
        )
    _print_bad_lines(report)


def _print_bad_lines(report: "ImportReport") -> None:
    for bad in report.bad:
        typer.echo(f"line {bad.line}: {bad.reason}", err=True)
    if report.bad_count > len(report.bad):
        typer.echo(f"and {report.bad_count - len(report.bad)} more bad lines", err=True)


def _one_line(entry: "Entry") -> str:
    from softfall.lists.entries import short_hash

    state = "active" if entry.active else "withdrawn"
    views = "".join(f", {view.name} of {short_hash(view.whole)}" for view in entry.views)
    sources = ", ".join(entry.sources)
    return f"entry {entry.number} ({short_hash(entry.pdq)}{views}, {state}, {sources})"


def _print_entry(entry: "Entry") -> None:
    typer.echo(_one_line(entry))
    typer.echo(f"  labels      {', '.join(sorted(entry.labels)) or 'none'}")
    typer.echo(f"  certifiers  {', '.join(sorted(entry.certifiers)) or 'none'}")
    for spoken in entry.statements:
        times = (("added", spoken.added_ms), ("withdrawn", spoken.withdrawn_ms))
        told = ", ".join(f"{what} {_day(at_ms)}" for what, at_ms in times if at_ms is not None)
        state = "active" if spoken.active else "withdrawn"
        typer.echo(f"  {spoken.source}: {state}; {told}")


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
