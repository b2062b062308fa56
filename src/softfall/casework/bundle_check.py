"""Whether an evidence bundle is what was made: what was changed, is missing, or was added.

Guarantees: nothing is unpacked to disk; no archive, however made, takes more memory than a manifest
and one piece of its contents; each finding names the file.
Refuses, by name: what is no bundle (`NotABundle`), and archives made to harm (`HostileBundle`):
names that point elsewhere or come twice, compressed or encrypted or overlapping entries.
Not looked at: the archive's own dates and attributes, which say nothing.
Limit: a signature says who made the bundle, not that what was reported is true; with no public key
at hand it says only that the bundle has not changed since whoever made it signed it. Pure.
"""

import hashlib
import json
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from io import SEEK_END
from typing import Any, BinaryIO, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from softfall.audit.files import MAX_LINE_BYTES, parse_line
from softfall.casework.bundle import (
    FORMAT,
    MANIFEST,
    MAX_BUNDLE_BYTES,
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    SIGNATURE,
    is_part_name,
    signed_bytes,
)
from softfall.errors import InputError

AUDIT: Final = "audit.jsonl"
_PIECE_BYTES = 1024**2
_END = struct.Struct("<4s4H2LH")  # the end of central directory record, ZIP 4.3.16
_MAX_DIRECTORY_BYTES = 1024**2
_HEAD_BYTES = 30  # a local file header without the name, ZIP 4.3.7
_ENTRY_BYTES = 46  # an entry of the central directory without the name, ZIP 4.3.12


class NotABundle(InputError):
    """A file that is not an evidence bundle, or is damaged so that nothing can be said of it."""

    remedy = "Ask whoever sent it for the bundle again, as `softfall evidence export` wrote it."


class HostileBundle(InputError):
    """An archive that was made to harm whoever unpacks it; it was not unpacked."""

    remedy = "Do not unpack it. Keep it, and ask whoever sent it where it comes from."


class Wrong(StrEnum):
    """What can be wrong with a bundle."""

    CHANGED = "changed"
    MISSING = "missing"
    ADDED = "added"
    UNSIGNED = "unsigned"  # the signature does not hold
    OTHER_KEY = "signed by another key"


@dataclass(frozen=True, slots=True)
class BundleFinding:
    """One thing that is wrong, and with which file."""

    wrong: Wrong
    name: str
    sentence: str


@dataclass(frozen=True, slots=True)
class BundleVerdict:
    """What the bundle says of itself, and what was found. files: how many the manifest names."""

    case_id: str
    made_at_ms: int
    made_by: str
    reason: str
    public_key: bytes
    files: int
    findings: tuple[BundleFinding, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class _Named:
    name: str
    size_bytes: int
    sha256: str


def check_bundle(file: BinaryIO, keys: frozenset[bytes] | None = None) -> BundleVerdict:
    """Look a bundle over. keys: whose signatures count, 32 bytes each; None: any.

    Raises NotABundle, HostileBundle.
    """
    size_bytes = _check_end(file)
    with _named_errors(), zipfile.ZipFile(file) as archive:
        entries = _entries(archive, size_bytes)
        manifest = _read_whole(archive, entries, MANIFEST, MAX_MANIFEST_BYTES)
        signature = _read_whole(archive, entries, SIGNATURE, 1_000)
        about, named = _parse(manifest)
        findings = list(_check_signature(manifest, signature, about["public_key"], keys))
        findings += _check_files(archive, entries, named)
    return BundleVerdict(
        about["case_id"],
        about["made_at_ms"],
        about["made_by"],
        about["reason"],
        about["public_key"],
        len(named),
        tuple(findings),
    )


@contextmanager
def _named_errors() -> Iterator[None]:
    """What zipfile raises for archives that are none, or of kinds that a bundle never is."""
    try:
        yield
    except (
        zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError,
        OSError, ValueError, struct.error, OverflowError, UnicodeError,
    ) as error:  # fmt: skip
        raise NotABundle(f"the file is no archive as bundles are: {type(error).__name__}") from None


def _check_end(file: BinaryIO) -> int:
    """The file's size, once its end shows an archive of a bundle's kind. Raises NotABundle."""
    size_bytes = file.seek(0, SEEK_END)
    if not _END.size <= size_bytes <= MAX_BUNDLE_BYTES + 2 * _MAX_DIRECTORY_BYTES:
        raise NotABundle("the file is too small or too large for a bundle")
    file.seek(-_END.size, SEEK_END)
    magic, *_, count, directory_bytes, _, comment = _END.unpack(file.read(_END.size))
    if magic != b"PK\5\6" or comment:
        raise NotABundle("the file does not end as a bundle does")
    if count > MAX_FILES + 2 or directory_bytes > _MAX_DIRECTORY_BYTES:
        raise NotABundle("the archive has too many files for a bundle")
    file.seek(0)
    return size_bytes


def _entries(archive: zipfile.ZipFile, size_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """The archive's files by name. Raises HostileBundle."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        name = entry.orig_filename
        if not (is_part_name(name) or name in {MANIFEST, SIGNATURE}):
            raise HostileBundle("a file's name points elsewhere, or is not one that a bundle has")
        if name in entries:
            raise HostileBundle(f"{name} comes twice")
        plain = entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & 1
        if not plain or entry.compress_size != entry.file_size:
            raise HostileBundle(f"{name} is compressed or encrypted, as no bundle's file is")
        entries[name] = entry
    own = sum(_HEAD_BYTES + _ENTRY_BYTES + 2 * len(n) + e.file_size for n, e in entries.items())
    if own + _END.size != size_bytes:
        raise HostileBundle("files overlap, or there are bytes that belong to none")
    return entries


def _read_whole(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], name: str, max_bytes: int
) -> bytes:
    entry = entries.get(name)
    if entry is None or entry.file_size > max_bytes:
        raise NotABundle(f"{name} is missing, or too large")
    return archive.read(entry)


def _parse(manifest: bytes) -> tuple[dict[str, Any], list[_Named]]:
    try:
        raw = json.loads(manifest)
        fits = raw["format"] == FORMAT
        about = {name: str(raw[name]) for name in ("case_id", "made_by", "reason")}
        files = [_Named(str(f["name"]), int(f["size_bytes"]), f["sha256"]) for f in raw["files"]]
        key = bytes.fromhex(raw["public_key"])
        made_at_ms = int(raw["made_at_ms"])
    except (ValueError, TypeError, KeyError, RecursionError):
        fits = False
    if not fits or len({each.name for each in files}) != len(files):
        raise NotABundle("manifest.json is not a bundle's manifest")
    return {**about, "public_key": key, "made_at_ms": made_at_ms}, files


def _check_signature(
    manifest: bytes, signature: bytes, public_key: bytes, keys: frozenset[bytes] | None
) -> Iterator[BundleFinding]:
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(bytes.fromhex(signature.decode("ascii")), signed_bytes(manifest))
    except (InvalidSignature, ValueError):
        told = "the manifest was changed after it was signed: its signature does not hold"
        yield BundleFinding(Wrong.UNSIGNED, MANIFEST, told)
    if keys is not None and public_key not in keys:
        told = f"the manifest is signed by another key, {public_key.hex()[:16]}..."
        yield BundleFinding(Wrong.OTHER_KEY, MANIFEST, told)


def _check_files(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], named: list[_Named]
) -> Iterator[BundleFinding]:
    for each in named:
        entry = entries.get(each.name)
        if entry is None:
            told = f"{each.name} is missing: the manifest names it"
            yield BundleFinding(Wrong.MISSING, each.name, told)
        elif _sha256(archive, entry) != each.sha256 or entry.file_size != each.size_bytes:
            told = f"{each.name} was changed: it is not what the manifest says"
            yield BundleFinding(Wrong.CHANGED, each.name, told)
        elif each.name == AUDIT:
            yield from _check_lines(archive, entry)
    for name in entries.keys() - {each.name for each in named} - {MANIFEST, SIGNATURE}:
        told = f"{name} was added: the manifest does not name it"
        yield BundleFinding(Wrong.ADDED, name, told)


def _sha256(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str | None:
    """The digest of a file's bytes; None where the archive's own check of them fails."""
    digest = hashlib.sha256()
    try:
        with archive.open(entry) as stream:
            while piece := stream.read(_PIECE_BYTES):
                digest.update(piece)
    except zipfile.BadZipFile:
        return None
    return digest.hexdigest()


def _check_lines(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[BundleFinding]:
    """Whether each line of the audit log's excerpt still fits its own hash."""
    with archive.open(entry) as stream:
        while raw := stream.readline(MAX_LINE_BYTES):
            if raw.startswith(b'{"checkpoint":'):
                continue
            line = parse_line(raw.removesuffix(b"\n"))
            if line is None or not line.intact:
                number = "?" if line is None else line.number
                told = f"line {number} of the audit log's excerpt does not fit its hash"
                yield BundleFinding(Wrong.CHANGED, AUDIT, told)
