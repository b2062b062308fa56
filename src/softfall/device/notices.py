"""Notices at this device: fetched when the mailbox says that some wait, kept sealed, told once.

Guarantees: a notice is kept here before the provider is told that it may forget it; however often
it is fetched, it is told once. Its words are this device's own (wording.py); help lines come with
it, without a network. A decision is appealed through its notice, in time, once.
Refuses: a notice that is not here (`NoticeMissing`), and one that can't be appealed
(`NoAppealHere`); the rest the provider refuses by name.
"""

from typing import Any

from softfall.device.help_lines import help_for
from softfall.device.kit import Kit
from softfall.device.outcomes import Notice
from softfall.device.records import APPEALED, NOTICES_SEEN
from softfall.device.transport import BadServiceReply
from softfall.device.wording import said, wording_of
from softfall.errors import InputError, RefusedError
from softfall.messaging.notices import MAX_APPEAL_CHARS, NOTICE, NOTICES
from softfall.wire import MalformedMessage

_NOTICES = "notices"
_SEEN = "notices seen"
_APPEALS = "appeals"


class NoticeMissing(InputError):
    """This device has no such notice."""

    remedy = "Appeal by the notice_id of a notice that `notices()` lists."


class NoAppealHere(RefusedError):
    """What this notice tells can't be appealed, or not any more."""

    remedy = "Appeal by the notice of the decision itself, until the day that it names."


class AppealTextUnusable(InputError):
    """The text of an appeal is empty or too long."""

    remedy = f"Say in 1 to {MAX_APPEAL_CHARS} characters why somebody should look again."


class Notices:
    """The notices of one device."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._store = kit.store

    def fetch(self) -> list[Notice]:
        """Everything new. Raises what the transport raises; what was kept by then stays kept."""
        fresh: list[Notice] = []
        while True:
            told = _decoded(self._kit.transport.notices())
            if not told:
                return fresh
            with self._store.transaction():
                seen = self._seen
                new = [values for values in told if values["sequence"] > seen]
                for values in new:
                    key = (values["notice_id"],)
                    self._store.put(_NOTICES, *key, value=NOTICE.encode(values))
                    fresh.append(self._notice(values))
                through = max(seen, told[-1]["sequence"])
                self._store.put(_SEEN, value=NOTICES_SEEN.encode({"through": through}))
            self._kit.transport.acknowledge_notices(through)
            if not new:
                return fresh

    def every(self) -> list[Notice]:
        """All that were ever told here, in order."""
        with self._store.transaction():
            kept = [dict(NOTICE.decode(body)) for _, body in self._store.items(_NOTICES)]
            return [self._notice(values) for values in kept]

    def appeal(self, notice_id: bytes, text: str) -> Notice:
        """Ask for another look; the notice, which says now that it was appealed.

        Raises NoticeMissing, NoAppealHere, AppealTextUnusable, or what the provider refuses.
        """
        if not 1 <= len(text) <= MAX_APPEAL_CHARS:
            raise AppealTextUnusable("the text of the appeal is empty or too long")
        with self._store.transaction():
            body = self._store.get(_NOTICES, notice_id)
        if body is None:
            raise NoticeMissing("this device has no such notice")
        values: dict[str, Any] = NOTICE.decode(body)
        if values["appeal_until_ms"] is None:
            raise NoAppealHere("what this notice tells can't be appealed")
        self._kit.transport.appeal(notice_id, text)
        with self._store.transaction():
            at_ms = self._kit.surroundings.now_ms()
            self._store.put(_APPEALS, notice_id, value=APPEALED.encode({"at_ms": at_ms}))
            return self._notice(values)

    @property
    def _seen(self) -> int:
        body = self._store.get(_SEEN)
        if body is None:
            return 0
        values: dict[str, Any] = NOTICES_SEEN.decode(body)
        return int(values["through"])

    def _notice(self, values: dict[str, Any]) -> Notice:
        wording = wording_of(values["kind"], values["outcome"])
        country = self._kit.settings.country
        return Notice(
            notice_id=values["notice_id"],
            kind=values["kind"],
            outcome=values["outcome"],
            title=wording.title,
            words=said(wording, values),
            help=help_for(country, wording.own_pictures) if wording.helps else (),
            told_at_ms=values["told_at_ms"],
            account=values["account"],
            envelope_ids=tuple(values["envelopes"]),
            report_id=values["report_id"],
            until_ms=values["until_ms"],
            appeal_until_ms=values["appeal_until_ms"],
            appealed=self._store.get(_APPEALS, values["notice_id"]) is not None,
        )


def _decoded(body: bytes) -> list[dict[str, Any]]:
    try:
        values: dict[str, Any] = NOTICES.decode(body)
    except MalformedMessage as error:
        raise BadServiceReply(f"the notices are not in their form: {error.what}") from None
    told: list[dict[str, Any]] = values["notices"]
    sequences = [notice["sequence"] for notice in told]
    if sequences != sorted(set(sequences)):
        raise BadServiceReply("the notices are not in order")
    return told
