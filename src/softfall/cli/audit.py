"""`softfall audit`: look over the console's log, sign a checkpoint, write the log as a file."""

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from softfall import config
from softfall.errors import InputError, OperatorError

if TYPE_CHECKING:  # the database is loaded only when a verb runs
    from softfall.audit.checkpoints import Checkpoint
    from softfall.audit.keeping import Keeper
    from softfall.audit.verifying import Verdict
    from softfall.store.transactions import Database

app = typer.Typer(help="Look over the console's audit log, and write it out.", no_args_is_help=True)

Config = Annotated[
    Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
]


class NoSuchLog(OperatorError):
    """There is no console database where the configuration says."""

    remedy = "Name the configuration by --config, or an exported log by --export."


class FileUnusable(InputError):
    """A file that can't be read, or written where it should go."""

    remedy = "Check the path and its owner; a file that exists is not replaced."


@app.command()
def verify(
    export: Annotated[
        Path | None,
        typer.Option(help="Look over this exported log instead.", show_default=False),
    ] = None,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option(
            help="Checkpoints that were carried away; may be repeated.", show_default=False
        ),
    ] = None,
    public_key: Annotated[
        list[str] | None,
        typer.Option(
            help="Whose signatures count: 64 hexadecimal digits, or a file of them; may be "
            "repeated. Left out: audit.pub of the console's data folder.",
            show_default=False,
        ),
    ] = None,
    file: Config = None,
) -> None:
    """Look over the whole log: each line that was changed, removed, moved or added is named, and
    so is an end that was cut off after a signed checkpoint. Exit code 1 says that something is.

    Changes nothing, and may run while the console does.
    """
    from softfall.audit.keeping import CHECKPOINTS_FILE, read_checkpoints
    from softfall.audit.keys import public_keys_of

    data_dir = config.load(file).console.data_dir
    carried = [each for path in checkpoints or [] for each in read_checkpoints(there(path))]
    keys = frozenset(parsed_key(text) for text in public_key or [])
    if export is not None:
        verdict = _verify_export(there(export), carried, keys)
    else:
        carried += read_checkpoints(data_dir / CHECKPOINTS_FILE)
        verdict = _verify_database(file, carried, keys or public_keys_of(data_dir))
    _tell(verdict)
    if not verdict.whole:
        raise typer.Exit(1)


@app.command("export")
def export_log(
    to: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, new.")],
    file: Config = None,
) -> None:
    """Write the log to a file that `softfall audit verify --export` checks anywhere.

    It ends at a checkpoint that is signed now, so a file that was cut short is found out.
    """
    from softfall.audit import in_database

    with console_database(file) as db, _new_file(to) as out:
        with db.write() as tx:
            _keeper(file).take(tx, now_ms())
        with db.read() as tx:
            count = in_database.export_log(tx, out)
    typer.echo(f"{to}: {count} lines")


@app.command()
def checkpoint(file: Config = None) -> None:
    """Sign a checkpoint of the log now, and print it; carry it away, with all before it, as
    checkpoints.jsonl of the console's data folder.
    """
    with console_database(file) as db, db.write() as tx:
        taken = _keeper(file).take(tx, now_ms())
    typer.echo(taken.to_json() if taken else "the log is empty: there is nothing to sign")


def _verify_export(path: Path, carried: list["Checkpoint"], keys: frozenset[bytes]) -> "Verdict":
    from softfall.audit.files import verify_file
    from softfall.cli.progress import shown_progress

    size_bytes = path.stat().st_size
    with path.open("rb") as stream, shown_progress() as show:
        done = [0]

        def progress(more_bytes: int) -> None:
            done[0] += more_bytes
            show("bytes looked over", min(done[0], size_bytes), size_bytes)

        verdict = verify_file(stream, carried, keys or None, progress)
        show("bytes looked over", size_bytes, size_bytes)
    if not keys:
        typer.echo("note: signed by the keys that the file itself names; give --public-key")
    return verdict


def _verify_database(
    file: Path | None, carried: list["Checkpoint"], keys: frozenset[bytes]
) -> "Verdict":
    from softfall.audit import trail
    from softfall.audit.in_database import verify_database
    from softfall.cli.progress import shown_progress

    with console_database(file) as db, db.read() as tx, shown_progress() as show:
        total = trail.last_number(tx)
        done = [0]

        def progress(more_lines: int) -> None:
            done[0] += more_lines
            show("lines looked over", min(done[0], total - 1), total)

        verdict = verify_database(tx, carried, keys, progress)
        show("lines looked over", total, total)
    return verdict


def _tell(verdict: "Verdict") -> None:
    for finding in verdict.findings:
        typer.echo(f"{finding.fault}: {finding.sentence}")
    if verdict.found > len(verdict.findings):
        typer.echo(f"and {verdict.found - len(verdict.findings)} more findings")
    vouched = (
        f"signed checkpoints vouch for lines 1 to {verdict.covered}"
        if verdict.covered
        else "no signed checkpoint vouches for any of it"
    )
    end = "whole" if verdict.whole else f"NOT whole, findings: {verdict.found}"
    typer.echo(f"audit log: {verdict.lines} lines, {end}; {vouched}")


@contextmanager
def console_database(file: Path | None) -> Iterator["Database"]:
    """The console's database, if there is one. Raises NoSuchLog."""
    from softfall.casework.database import casework_url, open_casework

    console = config.load(file).console
    if not console.database_url and not (console.data_dir / "casework.db").exists():
        raise NoSuchLog(f"{console.data_dir} holds no casework.db")
    with closing(open_casework(casework_url(console))) as db:
        yield db


def _keeper(file: Path | None) -> "Keeper":
    from softfall.audit.keeping import keeper_of
    from softfall.audit.keys import load_or_make_key

    settings = config.load(file)
    data_dir = settings.console.data_dir
    return keeper_of(load_or_make_key(data_dir), data_dir, settings.audit)


def parsed_key(text: str) -> bytes:
    """A public key as it is typed: its digits, or a file of them. Raises NotAPublicKey."""
    from softfall.audit.keys import parse_public_key

    try:
        digits = Path(text).read_text("ascii", errors="replace")
    except (OSError, ValueError):
        digits = text
    return parse_public_key(digits)


def there(path: Path) -> Path:
    """The path of a file that is there. Raises FileUnusable."""
    if not (path.is_file() and os.access(path, os.R_OK)):
        raise FileUnusable(f"{path} is no file, or can't be read")
    return path


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    try:
        stream = path.open("xb")
    except OSError as error:
        raise FileUnusable(f"{path} can't be written: {error.strerror}") from None
    with stream:
        path.chmod(0o600)
        yield stream


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000
