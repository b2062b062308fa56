"""Reporting: chosen messages are opened to the provider, in the order given, and no others.

Guarantees: each carries its receipt and the key that opens its commitment, so the provider proves
it without decrypting; pictures are uploaded by the reporter, checked by digest there. The option's
opening and the epoch's manifest go along, as the sender committed to them: with them the provider
proves a submission that is not the picture's.
A person is told before and after, in plain words, who sees what. A contact is blocked on this
device alone, before the report goes: whether it then gets through changes nothing about that.
Refuses: messages that this device does not have (`UnknownMessage`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from softfall.device import journey
from softfall.device.contacts import Contacts
from softfall.device.help_lines import help_for
from softfall.device.journey import Wishes
from softfall.device.kit import Kit
from softfall.device.outcomes import Reported, ReportPreview
from softfall.device.shelf import Shelf
from softfall.errors import InputError
from softfall.messaging.envelope import CONTENT, REPORT
from softfall.wire import Value

MessageRef = bytes | tuple[str, bytes]  # an envelope's id; or (sender, id) where two share one


class UnknownMessage(InputError):
    """A message to be reported is not on this device, or its id alone does not say which."""

    remedy = "Report messages that were shown or quarantined here; name the sender if ids collide."


@dataclass(frozen=True, slots=True)
class Reporting:
    """The reports of one device."""

    kit: Kit
    shelf: Shelf
    contacts: Contacts

    def report(self, refs: Sequence[MessageRef], reason: str, wishes: Wishes) -> Reported:
        """File one report. Raises UnknownMessage, MalformedMessage, or what the transport raises.

        Who is to be blocked is blocked even if the report is then refused, or can't be sent.
        """
        with self.kit.store.transaction():
            senders = [self._resolve(ref)[1] for ref in refs]
            messages: list[Value] = [self._opened(ref) for ref in refs]
            body = REPORT.encode(
                {
                    "reason": reason,
                    "anonymous": int(wishes.anonymous),
                    "in_danger_now": int(wishes.in_danger_now),
                    "messages": messages,
                }
            )
            if wishes.block:
                now_ms = self.kit.surroundings.now_ms()
                for sender in senders:
                    self.contacts.block(sender, now_ms)
        told = self.kit.transport.report(body)
        words = journey.confirmed(wishes, senders)
        return replace(told, words=words, help=help_for(self.kit.settings.country))

    def preview(self, refs: Sequence[MessageRef], wishes: Wishes) -> ReportPreview:
        """What a report of these would do; nothing is sent. Raises UnknownMessage."""
        with self.kit.store.transaction():
            opened = [self._opened(ref) for ref in refs]
            senders = list(dict.fromkeys(self._resolve(ref)[1] for ref in refs))
        pictures = sum(message["picture"] is not None for message in opened)
        unseen = sum(_has_picture(message) for message in opened) - pictures
        return ReportPreview(
            messages=len(opened),
            pictures=pictures,
            senders=tuple(senders),
            words=journey.foretold(wishes, senders, len(opened), pictures, unseen),
            help=help_for(self.kit.settings.country),
        )

    def _opened(self, ref: MessageRef) -> dict[str, Value]:
        envelope_id, sender = self._resolve(ref)
        kept: dict[str, Any] | None = self.shelf.message(envelope_id, sender)
        if kept is None:
            raise UnknownMessage("a message to be reported is not on this device")
        return {
            "content": kept["content"],
            "franking_key": kept["franking_key"],
            "receipt": kept["receipt"],
            "picture": self.shelf.picture(envelope_id, sender),
            "opening": kept["opening"],
            "manifest": kept["manifest"],
        }

    def _resolve(self, ref: MessageRef) -> tuple[bytes, str]:
        if isinstance(ref, tuple):
            sender, envelope_id = ref
            return envelope_id, sender
        shelf = self.shelf
        kept = [sender for sender in shelf.senders(ref) if shelf.message(ref, sender) is not None]
        if len(kept) != 1:
            raise UnknownMessage(f"{len(kept)} messages of this id are on this device")
        return ref, kept[0]


def _has_picture(message: dict[str, Any]) -> bool:
    return CONTENT.decode(message["content"])["attachment"] is not None
