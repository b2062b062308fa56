"""Encrypted attachments: uploaded first, named by one envelope, fetched, gone once all have it.

Guarantees: a file is its uploader's until an envelope names it; from then on it is for those whom
that envelope was delivered to, and nobody else. So a recipient of a held message can't tell that
its file exists, and a sender can't tell by the file whether a message was held, delivered or read.
A file that nothing names is an orphan of a kill, or of a message never sent, and is collected.
Refuses: everyone else, by the same `AttachmentUnknown` as for a file that was never there.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, and_, delete, exists, insert, or_, select

from softfall.errors import InputError
from softfall.provider.accounts import Account
from softfall.provider.files import Files, Incoming
from softfall.provider.tables import attachments, envelopes, mailboxes
from softfall.store.transactions import Database

ORPHAN_MS = 60 * 60 * 1000


class AttachmentUnknown(InputError):
    """There is no such file for this account."""

    remedy = "Fetch a file before acknowledging its message; after that it is deleted."


class AttachmentMissing(InputError):
    """The envelope names a file that its sender has not uploaded for it."""

    remedy = "PUT the encrypted file first, once for each envelope that is to name it."


class AttachmentStore:
    """The files, and a row for each upload that no envelope has named yet."""

    def __init__(self, db: Database, folder: Path) -> None:
        self._db = db
        self.files = Files(folder)
        self.drop_files(self.files.all())  # left by a kill between a file and its row

    def keep(self, owner: Account, sha256: bytes, incoming: Incoming, now_ms: int) -> None:
        """A file that has arrived whole; sending it again is harmless.

        Raises DigestMismatch, StorageFull.
        """
        incoming.settle()
        # A file and its row change in one write, whoever's: or a deletion, perhaps in another
        # process, could take a file just uploaded again.
        with self._db.write() as tx:
            incoming.keep(sha256)
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

    def withdraw(self, owner: Account, sha256: bytes) -> None:
        """Forget an upload that came along with a message sent again: that has its file."""
        mine = and_(attachments.c.sha256 == sha256, attachments.c.account == owner.row)
        with self._db.write() as tx:
            tx.execute(delete(attachments).where(mine))
        self.drop_files([sha256])

    def drop_files(self, digests: Iterable[bytes]) -> None:
        """Delete files that neither an upload nor an envelope with ciphertext names any more."""
        for sha256 in digests:
            uploaded = exists().where(attachments.c.sha256 == sha256)
            sent = exists().where(
                envelopes.c.attachment == sha256, envelopes.c.emptied_at_ms.is_(None)
            )
            with self._db.write() as tx:
                if not tx.execute(select(or_(uploaded, sent))).scalar():
                    self.files.delete(sha256)

    def collect_orphans(self, now_ms: int) -> None:
        """Forget uploads that no envelope came to name within an hour."""
        old = attachments.c.uploaded_at_ms < now_ms - ORPHAN_MS
        with self._db.write() as tx:
            unnamed = tx.execute(
                delete(attachments).where(old).returning(attachments.c.sha256)
            ).scalars()
            digests = list(unnamed)
        self.drop_files(digests)


def claim(tx: Connection, sender: Account, sha256: bytes) -> None:
    """Use the sender's upload up, for the envelope that this transaction takes in.

    Raises AttachmentMissing.
    """
    mine = and_(attachments.c.sha256 == sha256, attachments.c.account == sender.row)
    claimed = tx.execute(delete(attachments).where(mine).returning(attachments.c.sha256)).first()
    if claimed is None:
        raise AttachmentMissing("the envelope names a file that was not uploaded for it")
