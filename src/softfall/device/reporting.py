"""Reporting: chosen messages are opened to the provider, in the order given, and no others.

Guarantees: each carries its receipt and the key that opens its commitment, so the provider proves
it without decrypting; pictures are uploaded by the reporter, checked by digest there. The option's
opening and the epoch's manifest go along, as the sender committed to them: with them the provider
proves a submission that is not the picture's.
Refuses: messages that this device does not have (`UnknownMessage`).
"""

from collections.abc import Sequence
from typing import Any

from softfall.device.kit import Kit
from softfall.device.outcomes import Reported
from softfall.device.shelf import Shelf
from softfall.errors import InputError
from softfall.messaging.envelope import REPORT
from softfall.wire import Value

MessageRef = bytes | tuple[str, bytes]  # an envelope's id; or (sender, id) where two share one


class UnknownMessage(InputError):
    """A message to be reported is not on this device, or its id alone does not say which."""

    remedy = "Report messages that were shown or quarantined here; name the sender if ids collide."


def report(kit: Kit, shelf: Shelf, refs: Sequence[MessageRef], reason: str) -> Reported:
    """File one report. Raises UnknownMessage, MalformedMessage, or what the transport raises."""
    with kit.store.transaction():
        messages: list[Value] = [_opened(shelf, ref) for ref in refs]
    return kit.transport.report(
        REPORT.encode({"reason": reason, "anonymous": 0, "in_danger_now": 0, "messages": messages})
    )


def _opened(shelf: Shelf, ref: MessageRef) -> dict[str, Value]:
    envelope_id, sender = _resolve(shelf, ref)
    kept: dict[str, Any] | None = shelf.message(envelope_id, sender)
    if kept is None:
        raise UnknownMessage("a message to be reported is not on this device")
    return {
        "content": kept["content"],
        "franking_key": kept["franking_key"],
        "receipt": kept["receipt"],
        "picture": shelf.picture(envelope_id, sender),
        "opening": kept["opening"],
        "manifest": kept["manifest"],
    }


def _resolve(shelf: Shelf, ref: MessageRef) -> tuple[bytes, str]:
    if isinstance(ref, tuple):
        sender, envelope_id = ref
        return envelope_id, sender
    kept = [sender for sender in shelf.senders(ref) if shelf.message(ref, sender) is not None]
    if len(kept) != 1:
        raise UnknownMessage(f"{len(kept)} messages of this id are on this device")
    return ref, kept[0]
