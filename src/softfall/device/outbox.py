"""What was written and has not reached the provider yet; it survives anything but the disk.

Guarantees: an envelope enters with the ratchet that made it, in one transaction, before any byte of
it leaves; it is sent again as the same bytes under the same id until the provider has it, or
refuses it by name; then it leaves. Oldest first: a group's key goes ahead of what it opens.
Refused for a reason that another try can mend (an epoch or voucher that ended, a clock that moved
on while the network was away), it is made anew under the same id, which the provider never took.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from softfall.device.kit import Kit
from softfall.device.outcomes import NotSent, Queued, SendOutcome, Sent
from softfall.device.records import OUTBOX, REFUSAL
from softfall.device.transport import SaidByService, ServiceUnreachable
from softfall.errors import SoftfallError, UnavailableError
from softfall.messaging.envelope import ENVELOPE
from softfall.wire import Value

MAX_REDONE = 3
RESTARTED = "EnclaveRestarted"  # its key is gone: another must be proved first
STALE = ("WrongEpoch", "VoucherRefused", RESTARTED)  # the submission's time is over
OFF_TIME = "ClockSkew"
LONG_AGO_MS = 60_000  # a message just written is not late: then the clock itself is off
NOT_OURS = ("NotAuthenticated",)  # says nothing about the message

_OUTBOX = "outbox"
_FILES = "outbox files"
_REFUSALS = "not sent"

Row = dict[str, Any]
Redo = Callable[[bytes, Row], None]


class Outbox:
    """The outbox of one device. redo: makes a row's submission and ciphertext anew, in place."""

    def __init__(self, kit: Kit, redo: Redo) -> None:
        self._kit = kit
        self._redo = redo

    def put(self, envelope_id: bytes, row: Mapping[str, Value], file: bytes | None) -> None:
        """Write one message; call in the transaction that advanced its ratchet."""
        self._kit.store.put(_OUTBOX, envelope_id, value=OUTBOX.encode(row))
        if file is not None:
            self._kit.store.put(_FILES, envelope_id, value=file)

    def file(self, envelope_id: bytes) -> bytes | None:
        """A queued message's encrypted file; call in a transaction."""
        return self._kit.store.get(_FILES, envelope_id)

    def waiting_ids(self) -> list[bytes]:
        """What is still to go, oldest first."""
        with self._kit.store.transaction():
            return [key[0] for key, _ in self._kit.store.items(_OUTBOX)]  # type: ignore[misc]  # ids are bytes

    def flush(self) -> dict[bytes, SendOutcome | SoftfallError]:
        """Send everything, oldest first; stops where the provider can't be reached.

        For each message: Sent, Queued, or the error by which the provider refused it.
        """
        outcomes: dict[bytes, SendOutcome | SoftfallError] = {}
        away: UnavailableError | None = None
        for envelope_id in self.waiting_ids():
            row = self._read(envelope_id)
            if away is None:
                try:
                    outcomes[envelope_id] = self._deliver(envelope_id, row)
                    continue
                except UnavailableError as error:
                    away = error
            outcomes[envelope_id] = Queued(envelope_id, row["conversation"], away.what)
        return outcomes

    def take_refusals(self) -> list[NotSent]:
        """What `flush` had to give up since the last call."""
        with self._kit.store.transaction():
            found = list(self._kit.store.items(_REFUSALS))
            for key, _ in found:
                self._kit.store.delete(_REFUSALS, *key)
        return [NotSent(key[0], str(REFUSAL.decode(body)["reason"])) for key, body in found]  # type: ignore[arg-type]  # ids are bytes

    def note_refusal(self, envelope_id: bytes, error: SoftfallError) -> None:
        """Keep word of a message given up, for who asks later."""
        reason = f"{error.name}: {error.what}".encode()[:400].decode(errors="ignore")
        with self._kit.store.transaction():
            self._kit.store.put(_REFUSALS, envelope_id, value=REFUSAL.encode({"reason": reason}))

    def _deliver(self, envelope_id: bytes, row: Row) -> SendOutcome | SoftfallError:
        while True:
            try:
                self._send(envelope_id, row)
            except UnavailableError:
                raise
            except SoftfallError as error:
                if error.name in NOT_OURS:
                    raise ServiceUnreachable(f"the provider refused us: {error.what}") from None
                refusal = self._mend(envelope_id, row, error)
            else:
                self._remove(envelope_id)
                return Sent(envelope_id, row["conversation"], row["checked"])
            if refusal is not None:
                self._give_up(envelope_id, row)
                return refusal
            row = self._read(envelope_id)

    def _send(self, envelope_id: bytes, row: Row) -> None:
        kit = self._kit
        with kit.store.transaction():
            file = self.file(envelope_id)
        if file is not None:
            with kit.timings.step("upload_ms"):
                kit.transport.put_attachment(hashlib.sha256(file).digest(), file)
        with kit.timings.step("post_ms"):
            kit.transport.post_envelope(row["envelope"])

    def _mend(self, envelope_id: bytes, row: Row, error: SoftfallError) -> SoftfallError | None:
        """None if the message was made anew, where only time had spoilt it; else what is wrong."""
        if not isinstance(error, SaidByService) or row["redone"] >= MAX_REDONE:
            return error
        again = {**row, "redone": row["redone"] + 1}
        if error.name == RESTARTED:
            self._kit.attestations.forget()
        if error.name in STALE:
            try:
                self._redo(envelope_id, again)
            except UnavailableError:
                raise
            except SoftfallError as failure:
                return failure
            return None
        envelope: dict[str, Any] = ENVELOPE.decode(row["envelope"])
        now_ms = self._kit.surroundings.now_ms()
        if error.name != OFF_TIME or abs(now_ms - envelope["sent_at_ms"]) < LONG_AGO_MS:
            return error
        # Only the time outside of the ciphertext changes; the provider never took the old one.
        again["envelope"] = ENVELOPE.encode({**envelope, "sent_at_ms": now_ms})
        with self._kit.store.transaction():
            self.put(envelope_id, again, None)
        return None

    def _read(self, envelope_id: bytes) -> Row:
        with self._kit.store.transaction():
            body = self._kit.store.get(_OUTBOX, envelope_id)
        assert body is not None, "rows leave only here, and one thread at a time is here"
        return dict(OUTBOX.decode(body))

    def _remove(self, envelope_id: bytes) -> None:
        with self._kit.store.transaction():
            self._kit.store.delete(_OUTBOX, envelope_id)
            self._kit.store.delete(_FILES, envelope_id)

    def _give_up(self, envelope_id: bytes, row: Row) -> None:
        with self._kit.store.transaction():
            self._remove(envelope_id)
            if row["is_group"]:
                # The group's key may have been in it, and who missed it must get another.
                self._kit.megolm.forget_sending(row["conversation"])
