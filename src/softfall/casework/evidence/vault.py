"""Evidence at rest: sealed under a key of its case, which is wrapped by one master key.

Guarantees: what the database holds of evidence is ciphertext, bound to its case, its number and its
kind, so that it can be neither read without the master key nor passed for another; once a case's
key is forgotten, no copy of its ciphertext can be opened. Equal values are known again by a keyed
digest, which tells nothing without the joining key.
Leaves to others: that a person may look (`views`), when a case's time is over (`retention`).
Refuses: damaged or swapped ciphertext (EvidenceDamaged), what was deleted (EvidenceGone).
Limit: a copy of the database made before a deletion, together with the master key, opens what was
deleted since; `master_key.rotate` ends that, because the old master key is then nowhere.
Source: AES-256-GCM, NIST SP 800-38D; HMAC-SHA-256, RFC 2104; HKDF, RFC 5869.
"""

import hmac
import os
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, delete, insert, select, update

from softfall.casework.evidence.tables import evidence, evidence_keys, evidence_masters
from softfall.casework.model import EvidenceKind
from softfall.errors import InputError, OperatorError, RefusedError
from softfall.messaging.envelope import MAX_PICTURE_BYTES

KEY_BYTES: Final = 32
MAX_LABEL: Final = 200
_NONCE_BYTES: Final = 12
_MASTER_ID_BYTES: Final = 16


class EvidenceUnknown(InputError):
    """No piece of evidence has this number."""

    remedy = "Look the case's evidence up again."


class EvidenceTooLarge(InputError):
    """A piece of evidence over the size that a picture may have; it was not kept."""

    remedy = "Send a smaller file; messages can't carry more either."


class EvidenceGone(RefusedError):
    """The evidence was deleted when its time was over; nobody can open it any more."""

    remedy = "The case's timeline says when it was deleted. A legal hold must be set before that."


class EvidenceDamaged(OperatorError):
    """Kept evidence is not what was put there: it was altered, swapped, or the disk is failing."""

    remedy = "Keep the database as it is, compare it with a back-up, and check the disk."


class EvidenceKeyWrong(OperatorError):
    """The master key at hand is not the one that the evidence is kept under; nothing was changed.

    Nothing was opened either.
    """

    remedy = (
        "Put the right evidence.key into console.data_dir, from a back-up or another host, and "
        "start the service again; after a rotation, start every console again."
    )


class Vault:
    """Puts evidence in and takes it out, inside the caller's transaction. Holds no connection.

    master_key, joining_key: 32 bytes; a joining key that is left out is drawn from the master key.
    draw: where randomness comes from: so many bytes.
    """

    def __init__(
        self,
        master_key: bytes,
        joining_key: bytes | None = None,
        draw: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.master_id: Final = master_id(master_key)
        self._master = AESGCM(master_key)
        self._joining_key = joining_key or derived(master_key, b"joining", KEY_BYTES)
        self._draw = draw

    def new_case_key(self, tx: Connection, case_row: int) -> None:
        """Give a case its key; one that has a key keeps it."""
        self._require_current(tx)
        kept = select(evidence_keys.c.case_row).where(evidence_keys.c.case_row == case_row)
        if tx.execute(kept).first() is None:
            wrapped = self.wrap(self._draw(KEY_BYTES), key_binding(case_row))
            tx.execute(insert(evidence_keys).values(case_row=case_row, wrapped_key=wrapped))

    def put(
        self,
        tx: Connection,
        case_row: int,
        kind: EvidenceKind,
        body: bytes,
        source_row: int | None,
        now_ms: int,
        label: str = "",
    ) -> int:
        """Keep a piece of evidence; its number.

        label: what it is, in words that may be shown before it is opened: nothing of its content.
        Raises EvidenceTooLarge; EvidenceGone if the case has no key.
        """
        if len(body) > MAX_PICTURE_BYTES:
            raise EvidenceTooLarge(f"{len(body)} bytes are over {MAX_PICTURE_BYTES}")
        key = self._case_key(tx, case_row)
        row: int = tx.execute(
            insert(evidence)
            .values(
                case_row=case_row,
                source_row=source_row,
                kind=kind,
                label=label[:MAX_LABEL],
                size_bytes=len(body),
                added_at_ms=now_ms,
            )
            .returning(evidence.c.row)
        ).scalar_one()
        sealed = self._seal(key, body, body_binding(case_row, row, kind))
        tx.execute(update(evidence).where(evidence.c.row == row).values(sealed=sealed))
        return row

    def open(self, tx: Connection, evidence_id: int) -> bytes:
        """A piece of evidence in the clear: for a referral, or for `views`, never for a page.

        Raises EvidenceUnknown, EvidenceGone, EvidenceDamaged.
        """
        found = tx.execute(select(evidence).where(evidence.c.row == evidence_id)).one_or_none()
        if found is None:
            raise EvidenceUnknown(f"there is no evidence {evidence_id}")
        if found.sealed is None:
            raise EvidenceGone(f"evidence {evidence_id} was deleted")
        key = self._case_key(tx, found.case_row)
        return _opened(key, found.sealed, body_binding(found.case_row, found.row, found.kind))

    def seal(self, tx: Connection, case_row: int, what: str, body: bytes) -> bytes:
        """Something else of a case's under its key, to be kept elsewhere; what: names its use.

        It can be opened until the case's evidence is deleted. Raises EvidenceGone.
        """
        return self._seal(self._case_key(tx, case_row), body, other_binding(case_row, what))

    def unseal(self, tx: Connection, case_row: int, what: str, sealed: bytes) -> bytes:
        """What `seal` was given. Raises EvidenceGone, EvidenceDamaged."""
        return _opened(self._case_key(tx, case_row), sealed, other_binding(case_row, what))

    def seal_words(self, tx: Connection, case_row: int, what: str, body: bytes) -> bytes:
        """Another room's words about a case (a draft, say), sealed under the case's own key.

        what: what they are; they open as nothing else. Raises EvidenceGone if the case has no key.
        """
        return self._seal(self._case_key(tx, case_row), body, words_binding(case_row, what))

    def open_words(self, tx: Connection, case_row: int, what: str, sealed: bytes) -> bytes:
        """The words. Raises EvidenceGone once the key is destroyed, EvidenceDamaged."""
        return _opened(self._case_key(tx, case_row), sealed, words_binding(case_row, what))

    def keyed_digest(self, value: bytes) -> bytes:
        """32 bytes that are equal for equal values, and tell nothing of them to others."""
        return hmac.digest(self._joining_key, value, "sha256")

    def wrap(self, key: bytes, binding: bytes) -> bytes:
        """A key under the master key: nonce, then ciphertext."""
        nonce = self._draw(_NONCE_BYTES)
        return nonce + self._master.encrypt(nonce, key, binding)

    def unwrap(self, wrapped: bytes, binding: bytes) -> bytes:
        """The key. Raises EvidenceDamaged."""
        return _opened(self._master, wrapped, binding)

    def _require_current(self, tx: Connection) -> None:
        """A process that runs on across a rotation must not wrap under the old master key."""
        now = tx.execute(select(evidence_masters.c.master_id)).scalar()
        if now not in (None, self.master_id):
            raise EvidenceKeyWrong("the master key was rotated since this process read it")

    def _case_key(self, tx: Connection, case_row: int) -> AESGCM:
        self._require_current(tx)
        kept = select(evidence_keys.c.wrapped_key).where(evidence_keys.c.case_row == case_row)
        wrapped = tx.execute(kept).scalar()
        if wrapped is None:
            raise EvidenceGone("the key to this case's evidence was destroyed, or never made")
        return AESGCM(self.unwrap(wrapped, key_binding(case_row)))

    def _seal(self, key: AESGCM, body: bytes, binding: bytes) -> bytes:
        nonce = self._draw(_NONCE_BYTES)
        return nonce + key.encrypt(nonce, body, binding)


def forget_case(tx: Connection, case_row: int, now_ms: int) -> tuple[int, ...]:
    """Destroy a case's key and ciphertext, for which no key is needed; the pieces' numbers."""
    there = evidence.c.case_row == case_row, evidence.c.sealed.is_not(None)
    rows = tuple(tx.execute(select(evidence.c.row).where(*there)).scalars())
    tx.execute(update(evidence).where(*there).values(sealed=None, deleted_at_ms=now_ms))
    tx.execute(delete(evidence_keys).where(evidence_keys.c.case_row == case_row))
    return rows


def master_id(master_key: bytes) -> bytes:
    """16 bytes that name a master key and tell nothing of it."""
    return derived(master_key, b"name", _MASTER_ID_BYTES)


def key_binding(case_row: int) -> bytes:
    """What a case's wrapped key is bound to."""
    return b"softfall evidence key 1|%d" % case_row


def body_binding(case_row: int, evidence_id: int, kind: str) -> bytes:
    """What a piece of evidence's ciphertext is bound to."""
    return b"softfall evidence 1|%d|%d|%s" % (case_row, evidence_id, kind.encode())


def other_binding(case_row: int, what: str) -> bytes:
    """What anything else is bound to that is sealed under a case's key."""
    return b"softfall evidence other 1|%d|%s" % (case_row, what.encode())


def words_binding(case_row: int, what: str) -> bytes:
    """What sealed words are bound to."""
    return b"softfall words 1|%d|%s" % (case_row, what.encode())


def derived(key: bytes, what: bytes, length_bytes: int) -> bytes:
    """Another secret from a key, one for each `what`."""
    return HKDF(SHA256(), length_bytes, None, b"softfall evidence 1|" + what).derive(key)


def _opened(key: AESGCM, sealed: bytes, binding: bytes) -> bytes:
    try:
        return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], binding)
    except (InvalidTag, ValueError):
        raise EvidenceDamaged("kept evidence does not open: it is not what was put there") from None
