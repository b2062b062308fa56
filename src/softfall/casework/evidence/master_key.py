"""The master key's file, and the vault that it opens.

Guarantees: the file is made once, however many processes start at a time; it is its owner's alone
(0600); it is never overwritten unless by `rotate`. A key that is missing or is another one than the
evidence was put in under stops the service, by name, before anything is changed. A rotation that is
cut off at any point leaves evidence that opens.
Refuses: EvidenceKeyMissing, EvidenceKeyWrong.
Limit: a file that was replaced may live on in the disk's unused blocks; an encrypted disk hides it.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from softfall.casework.evidence.tables import evidence_keys, evidence_masters
from softfall.casework.evidence.vault import (
    KEY_BYTES,
    EvidenceKeyWrong,
    Vault,
    key_binding,
    master_id,
)
from softfall.errors import OperatorError
from softfall.store.transactions import Database

FILE: Final = "evidence.key"
_JOINING: Final = b"softfall evidence joining key 1"
Draw = Callable[[int], bytes]


class EvidenceKeyMissing(OperatorError):
    """There is evidence, but no master key to open it; nothing was changed, no key was made."""

    remedy = (
        "Put evidence.key back into console.data_dir: from a back-up, or from the other host that "
        "works on this database."
    )


def open_vault(db: Database, path: Path, draw: Draw = os.urandom) -> Vault:
    """The vault of this database; the first start makes the master key at `path`.

    Raises EvidenceKeyMissing, EvidenceKeyWrong.
    """
    with db.write() as tx:  # one process at a time gets past here
        known = _known(tx)
        if known is None:
            return _founded(tx, path, draw)
        master, others = _matching(path, known)
        if others:  # a rotation was cut off: what it left is no longer needed, or never was
            _replace(path, [master])
        return _opened(master, known, draw)


def rotate(db: Database, path: Path, draw: Draw = os.urandom) -> int:
    """Put a new master key in the old one's place; how many cases' keys it now wraps.

    Afterwards no copy of the database made before can be opened with the key at hand, so whatever
    was deleted since is gone from those copies too. Running consoles must be started again.
    Raises EvidenceKeyMissing, EvidenceKeyWrong.
    """
    with db.write() as tx:
        known = _known(tx)
        if known is None:
            raise EvidenceKeyMissing("no evidence was ever kept here, so there is no key to rotate")
        old, _ = _matching(path, known)
        new = draw(KEY_BYTES)
        _replace(path, [old, new])  # whichever the database names after a cut is in the file
        count = _rewrap(tx, _opened(old, known, draw), Vault(new, draw=draw), known)
    _replace(path, [new])
    db.truncate_log()
    return count


def _founded(tx: Connection, path: Path, draw: Draw) -> Vault:
    master = _read(path)[0] if path.exists() else _made(path, draw(KEY_BYTES))
    joining = draw(KEY_BYTES)
    vault = Vault(master, joining, draw)
    wrapped = vault.wrap(joining, _JOINING)
    row = {"only": 1, "master_id": vault.master_id, "wrapped_joining_key": wrapped}
    tx.execute(insert(evidence_masters).values(row))
    return vault


def _opened(master: bytes, known: Row[Any], draw: Draw) -> Vault:
    joining = Vault(master).unwrap(known.wrapped_joining_key, _JOINING)
    return Vault(master, joining, draw)


def _rewrap(tx: Connection, old: Vault, new: Vault, known: Row[Any]) -> int:
    joining = old.unwrap(known.wrapped_joining_key, _JOINING)
    rows = tx.execute(select(evidence_keys)).all()
    for row in rows:
        binding = key_binding(row.case_row)
        wrapped = new.wrap(old.unwrap(row.wrapped_key, binding), binding)
        this = evidence_keys.c.case_row == row.case_row
        tx.execute(update(evidence_keys).where(this).values(wrapped_key=wrapped))
    values = {
        "master_id": new.master_id,
        "wrapped_joining_key": new.wrap(joining, _JOINING),
    }
    tx.execute(update(evidence_masters).values(values))
    return len(rows)


def _known(tx: Connection) -> Row[Any] | None:
    return tx.execute(select(evidence_masters)).one_or_none()


def _matching(path: Path, known: Row[Any]) -> tuple[bytes, list[bytes]]:
    """The file's key that the database names, and the file's others."""
    if not path.exists():
        raise EvidenceKeyMissing(f"there is evidence, but no {path.name} in {path.parent}")
    keys = _read(path)
    fitting = [key for key in keys if master_id(key) == known.master_id]
    if not fitting:
        raise EvidenceKeyWrong(f"{path.name} is not the key that the evidence is kept under")
    return fitting[0], [key for key in keys if key != fitting[0]]


def _read(path: Path) -> list[bytes]:
    """One key; two for as long as a rotation lasts."""
    body = path.read_bytes()
    if len(body) not in (KEY_BYTES, 2 * KEY_BYTES):
        raise EvidenceKeyWrong(f"{path.name} holds no key: it has {len(body)} bytes")
    return [body[at : at + KEY_BYTES] for at in range(0, len(body), KEY_BYTES)]


def _made(path: Path, key: bytes) -> bytes:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(path, [key])
    return key


def _replace(path: Path, keys: list[bytes]) -> None:
    """The whole file at once, on disk, or the file as it was."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"".join(keys))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
