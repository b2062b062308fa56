"""Encrypted attachments: uploaded first, named by an envelope, fetched, and gone once all have it.

Guarantees: only its uploader, or a recipient of a delivered envelope that names it, can fetch a
file; a recipient of a held one can't tell that it exists. A file without a row is an orphan of a
kill and is collected, as is a row that no envelope came to name.
Refuses: everyone else, by the same `AttachmentUnknown` as for a file that was never there.
"""

import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, and_, delete, exists, insert, select

from softfall.errors import InputError
from softfall.provider.accounts import Account
from softfall.provider.database import Database
from softfall.provider.files import Files, Incoming
from softfall.provider.tables import attachments, envelopes, mailboxes

ORPHAN_MS = 60 * 60 * 1000


class AttachmentUnknown(InputError):
    """There is no such file for this account."""

    remedy = "Fetch a file before acknowledging its message; after that it is deleted."


class AttachmentMissing(InputError):
    """The envelope names a file that its sender has not uploaded."""

    remedy = "PUT the encrypted file first, then send the envelope that names it."


class AttachmentStore:
    """The rows and the files, kept in step."""

    def __init__(self, db: Database, folder: Path) -> None:
        self._db = db
        self.files = Files(folder)
        # A file and its row change together, or a deletion could take a file just uploaded again.
        self._step = threading.Lock()
        self.drop_files(self.files.all())  # left by a kill between a file and its row

    def keep(self, owner: Account, sha256: bytes, incoming: Incoming, now_ms: int) -> None:
        """A file that has arrived whole; sending it again is harmless.

        Raises DigestMismatch, StorageFull.
        """
        with self._step:
            incoming.keep(sha256)
            with self._db.write() as tx:
                mine = and_(attachments.c.sha256 == sha256, attachments.c.account == owner.row)
                if tx.execute(select(attachments.c.sha256).where(mine)).first() is None:
                    tx.execute(
                        insert(attachments).values(
                            sha256=sha256,
                            account=owner.row,
                            size_bytes=incoming.size_bytes,
                            uploaded_at_ms=now_ms,
                        )
                    )

    def open(self, reader: Account, sha256: bytes) -> tuple[BinaryIO, int]:
        """The open file and its size in bytes, for one who may fetch it.

        Raises AttachmentUnknown.
        """
        uploaded = select(attachments.c.sha256).where(
            attachments.c.sha256 == sha256, attachments.c.account == reader.row
        )
        delivered = (
            select(mailboxes.c.sequence)
            .join(envelopes, envelopes.c.row == mailboxes.c.envelope)
            .where(mailboxes.c.account == reader.row, envelopes.c.attachment == sha256)
        )
        with self._db.read() as tx:
            allowed = tx.execute(uploaded).first() or tx.execute(delivered).first()
        if allowed is not None:
            with suppress(FileNotFoundError):  # all may have acknowledged just now
                file = self.files.path(sha256).open("rb")
                return file, os.fstat(file.fileno()).st_size
        raise AttachmentUnknown("there is no such file for this account")

    def drop_files(self, digests: Iterable[bytes]) -> None:
        """Delete files that no row names."""
        with self._step:
            for sha256 in digests:
                named = exists().where(attachments.c.sha256 == sha256)
                with self._db.read() as tx:
                    needed = tx.execute(select(named)).scalar()
                if not needed:
                    self.files.delete(sha256)

    def collect_orphans(self, now_ms: int) -> None:
        """Forget uploads that no envelope came to name within an hour."""
        named = exists().where(
            envelopes.c.attachment == attachments.c.sha256,
            envelopes.c.sender == attachments.c.account,
            envelopes.c.emptied_at_ms.is_(None),
        )
        old = attachments.c.uploaded_at_ms < now_ms - ORPHAN_MS
        with self._db.write() as tx:
            unnamed = tx.execute(
                delete(attachments).where(old, ~named).returning(attachments.c.sha256)
            ).scalars()
            digests = list(unnamed)
        self.drop_files(digests)


def require(tx: Connection, sender: Account, sha256: bytes) -> None:
    """Pass only if the sender has uploaded the file. Raises AttachmentMissing."""
    mine = and_(attachments.c.sha256 == sha256, attachments.c.account == sender.row)
    if tx.execute(select(attachments.c.sha256).where(mine)).first() is None:
        raise AttachmentMissing("the envelope names a file that was not uploaded")


def forget_unneeded(tx: Connection, sha256: bytes, sender: int) -> bool:
    """Forget one sender's upload, unless another of their live envelopes names it: done?"""
    live = exists().where(
        envelopes.c.attachment == sha256,
        envelopes.c.sender == sender,
        envelopes.c.emptied_at_ms.is_(None),
    )
    if tx.execute(select(live)).scalar():
        return False
    mine = and_(attachments.c.sha256 == sha256, attachments.c.account == sender)
    tx.execute(delete(attachments).where(mine))
    return True
