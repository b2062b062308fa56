"""`softfall evidence`: take a case's evidence out, signed, and look over what was handed over."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from softfall import config
from softfall.cli.audit import FileUnusable, NoSuchLog, now_ms, parsed_key, there

if TYPE_CHECKING:  # the database is loaded only when a verb runs
    from softfall.casework.bundle import Signer
    from softfall.casework.bundle_export import Export
    from softfall.casework.referral.evidence_casefile import EvidenceCaseFile
    from softfall.store.transactions import Database

app = typer.Typer(help="Export evidence, signed, and look a bundle over.", no_args_is_help=True)

Config = Annotated[
    Path | None, typer.Option("--config", help="The TOML file to read.", show_default=False)
]
Case = Annotated[str, typer.Argument(metavar="CASE", help="The case's number.")]
By = Annotated[str, typer.Option(help="Who asks for it: a lead's name.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why; it goes into the log.", show_default=False)]


@app.command()
def export(
    case: Case,
    to: Annotated[Path, typer.Option(help="The file to write, new.", show_default=False)],
    by: By,
    reason: Reason,
    file: Config = None,
) -> None:
    """Write a case's evidence bundle: facts, evidence, and its lines of the audit log, in a zip
    that is signed but not encrypted. The log has its line, with the reason, before.
    """
    from softfall.casework.bundle_export import export_case

    with _archive(file) as archive, _new_file(to) as out:
        asked = archive.export(case, by, reason)
        size_bytes = export_case(archive.db, archive.casefile, archive.signer, asked, out)
    typer.echo(f"{to}: {size_bytes} bytes, readable by you alone; keep it so")


@app.command()
def referral(
    case: Case,
    folder: Annotated[
        Path, typer.Option("--dir", help="The folder to make, new.", show_default=False)
    ],
    by: By,
    reason: Reason,
    file: Config = None,
) -> None:
    """Write an approved referral as files, for a hotline that takes them by hand: referral.json,
    referral.pdf and evidence.zip. Only once the referral is decided and its words are approved.
    """
    from softfall.casework.hotline.handing import hand_out
    from softfall.casework.referral.referrals import Referrals

    settings = config.load(file)
    with _archive(file) as archive:
        referrals = Referrals(
            archive.db, now_ms, settings.referral, archive.casefile,
            second_reader=settings.casework.second_reader,
        )  # fmt: skip
        asked = archive.export(case, by, reason)
        if folder.exists():
            raise FileUnusable(f"{folder} exists already")
        made = hand_out(archive.db, archive.casefile, referrals, archive.signer, asked, settings)
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise FileUnusable(f"{folder} can't be made: {error.strerror}") from None
    for name, body in (
        ("referral.json", made.document),
        ("referral.pdf", made.page),
        ("evidence.zip", made.bundle),
    ):
        with _new_file(folder / name) as out:
            out.write(body)
        typer.echo(f"{folder / name}: {len(body)} bytes")


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(metavar="FILE", help="The bundle, a zip.")],
    public_key: Annotated[
        list[str] | None,
        typer.Option(
            help="Whose signature counts: 64 hexadecimal digits, or a file of them; may be "
            "repeated. Left out: anybody's, which proves nothing of who made it.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Look an evidence bundle over, unpacking nothing: says what was changed, is missing, was
    added, or is signed by another key. Exit code 1 says that something is.
    """
    from softfall.casework.bundle_check import check_bundle
    from softfall.casework.hotline.document import iso

    keys = frozenset(parsed_key(text) for text in public_key or [])
    with there(bundle).open("rb") as stream:
        verdict = check_bundle(stream, keys or None)
    for finding in verdict.findings:
        typer.echo(_plain(f"{finding.wrong}: {finding.sentence}"))
    if not keys:
        typer.echo("note: the key is the bundle's own; give --public-key")
    made = f"case {verdict.case_id}, made {iso(verdict.made_at_ms)} by {verdict.made_by}"
    end = "whole" if verdict.whole else f"NOT whole, findings: {len(verdict.findings)}"
    typer.echo(_plain(f"evidence bundle of {made}: {verdict.files} files, {end}"))
    typer.echo(f"signed by {verdict.public_key.hex()}")
    if not verdict.whole:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Archive:
    """What an export works with."""

    db: "Database"
    casefile: "EvidenceCaseFile"
    signer: "Signer"

    def export(self, case: str, by: str, reason: str) -> "Export":
        """The export that is asked for, by somebody on the staff. Raises StaffUnknown."""
        from softfall.casework.bundle_export import Export
        from softfall.console.staff import staff_ref

        with self.db.read() as tx:
            return Export(case, staff_ref(tx, by), reason, now_ms())


@contextmanager
def _archive(file: Path | None) -> Iterator[_Archive]:
    from softfall.audit.keys import load_or_make_key
    from softfall.casework.bundle import Signer
    from softfall.casework.database import casework_url, open_casework
    from softfall.casework.evidence import master_key
    from softfall.casework.referral.evidence_casefile import EvidenceCaseFile

    settings = config.load(file)
    console = settings.console
    if not console.database_url and not (console.data_dir / "casework.db").exists():
        raise NoSuchLog(f"{console.data_dir} holds no casework.db")
    key = load_or_make_key(console.data_dir)
    with closing(open_casework(casework_url(console))) as db:
        vault = master_key.open_vault(db, console.data_dir / master_key.FILE)
        casefile = EvidenceCaseFile(vault, second_reader=settings.casework.second_reader)
        yield _Archive(db, casefile, Signer(key.public_key, key.sign))


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A new file, its owner's alone; gone again if what is written into it fails."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise FileUnusable(f"{path} can't be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _plain(text: str) -> str:
    """Words of a file from elsewhere, without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
