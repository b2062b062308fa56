"""An evidence bundle: a case's facts, evidence and lines of the audit log, signed, in a zip.

    manifest.json    the format, the case, by whom, when and why made, each file's size and SHA-256
    manifest.sig     the Ed25519 signature over manifest.json, in hexadecimal
    case.json        the facts, as docs/audit.md lays them out
    audit.jsonl      the case's lines of the audit log, and the newest checkpoint
    evidence/...     what was reported, as it was reported

Guarantees: the same parts give the same bytes; nothing is in the archive that the manifest does not
name; stored, not compressed, so that its size on disk is its size in memory.
Refuses: parts of other names, twice the same, too many or too large together (`BundleUnfit`).
Leaves to `bundle_check`: whether a bundle is what was made. Pure.
Source: Ed25519, RFC 8032; ZIP, APPNOTE 6.3.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, Final

from softfall.audit.chain import framed
from softfall.errors import InputError

FORMAT: Final = "softfall evidence bundle 1"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
MAX_FILES: Final = 1_000
MAX_NAME: Final = 100
MAX_BUNDLE_BYTES: Final = 2 * 1024**3
MAX_MANIFEST_BYTES: Final = 1024**2

_NAME = re.compile(r"(evidence/)?[a-z0-9][a-z0-9_-]*(\.[a-z0-9]+)?")
_TAG = b"softfall evidence bundle 1"
_EPOCH = datetime(1980, 1, 1, tzinfo=UTC)  # a zip knows no earlier time


class BundleUnfit(InputError):
    """Parts that can't make an evidence bundle; nothing was written."""

    remedy = "Export a case with less evidence, or in parts: see docs/audit.md."


@dataclass(frozen=True, slots=True)
class About:
    """What a bundle is of: the case, when (Unix ms), by whom and why it was made."""

    case_id: str
    made_at_ms: int
    made_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the public key, 32 bytes, and its Ed25519 signing."""

    public_key: bytes
    sign: Callable[[bytes], bytes]


def write_bundle(
    file: BinaryIO, about: About, parts: Iterable[tuple[str, bytes]], signer: Signer
) -> int:
    """Write the bundle of these parts (name and bytes, in order); its size in bytes.

    file: to be written from its start. Raises BundleUnfit.
    """
    named: list[dict[str, str | int]] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        total_bytes = 0
        for name, body in parts:
            total_bytes += len(body)
            if not is_part_name(name) or name in {each["name"] for each in named}:
                raise BundleUnfit(f"no part may be called {name[:MAX_NAME]!r} here")
            if len(named) == MAX_FILES or total_bytes > MAX_BUNDLE_BYTES:
                raise BundleUnfit("there are too many parts, or they are too large together")
            digest = hashlib.sha256(body).hexdigest()
            named.append({"name": name, "size_bytes": len(body), "sha256": digest})
            archive.writestr(_entry(name, about.made_at_ms), body)
        manifest = _manifest(about, named, signer.public_key)
        if len(manifest) > MAX_MANIFEST_BYTES:
            raise BundleUnfit("there is too much for one manifest")
        signature = signer.sign(signed_bytes(manifest)).hex().encode()
        archive.writestr(_entry(MANIFEST, about.made_at_ms), manifest)
        archive.writestr(_entry(SIGNATURE, about.made_at_ms), signature)
    return file.tell()


def is_part_name(name: str) -> bool:
    """Whether a part may be called so: a plain name, in evidence/ or beside it, lower case."""
    taken = name in {MANIFEST, SIGNATURE}
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None and not taken


def signed_bytes(manifest: bytes) -> bytes:
    """What the signature of a manifest is over."""
    return framed(_TAG, manifest)


def _manifest(about: About, files: list[dict[str, str | int]], public_key: bytes) -> bytes:
    values = {
        "format": FORMAT,
        "case_id": about.case_id,
        "made_at_ms": about.made_at_ms,
        "made_by": about.made_by,
        "reason": about.reason,
        "public_key": public_key.hex(),
        "files": files,
    }
    return json.dumps(values, ensure_ascii=False, indent=1).encode() + b"\n"


def _entry(name: str, at_ms: int) -> zipfile.ZipInfo:
    made = max(_EPOCH, datetime.fromtimestamp(at_ms // 1000, UTC))
    entry = zipfile.ZipInfo(name, made.timetuple()[:6])
    entry.create_system = 3  # Unix, whatever system this is: the same parts, the same bytes
    entry.external_attr = 0o600 << 16
    return entry
