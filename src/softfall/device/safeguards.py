"""What a person can do about what came: report it, block who sent it, appeal, find help.

Guarantees: each is one call, said in plain words, with help lines beside it that need no network.
Nothing here tells a sender anything. See `reporting`, `journey`, `contacts`, `notices`.
"""

from collections.abc import Sequence
from threading import RLock

from softfall.device.contacts import Contacts
from softfall.device.help_lines import HelpLine, help_for
from softfall.device.journey import Wishes
from softfall.device.kit import Kit
from softfall.device.notices import Notices
from softfall.device.outcomes import Notice, Reported, ReportPreview
from softfall.device.reporting import MessageRef, Reporting
from softfall.device.shelf import Shelf


class Safeguards:
    """The half of a device's calls that protects its person."""

    def __init__(self, kit: Kit, shelf: Shelf, turn: RLock) -> None:
        self._kit, self._turn = kit, turn
        self._contacts = Contacts(kit.store)
        self._notices = Notices(kit)
        self._reporting = Reporting(kit, shelf, self._contacts)

    def report(
        self,
        messages: Sequence[MessageRef],
        reason: str,
        *,
        anonymous: bool = False,
        block: bool = False,
        in_danger_now: bool = False,
    ) -> Reported:
        """Open these messages (envelope ids) to the provider, in this order, and no others.

        reason: one of `messaging.envelope.REPORT_REASONS`. anonymous: whoever decides is not told
        who reports. block: their senders, even if the report is refused. The outcome comes as a
        `Notice`. Raises UnknownMessage, MalformedMessage, or what the provider refuses by name.
        """
        with self._turn:
            wishes = Wishes(anonymous, block, in_danger_now)
            return self._reporting.report(messages, reason, wishes)

    def report_preview(
        self,
        messages: Sequence[MessageRef],
        *,
        anonymous: bool = False,
        block: bool = False,
        in_danger_now: bool = False,
    ) -> ReportPreview:
        """Who would see what, in plain words; nothing is sent. Raises UnknownMessage."""
        with self._turn:
            wishes = Wishes(anonymous, block, in_danger_now)
            return self._reporting.preview(messages, wishes)

    def notices(self) -> list[Notice]:
        """What people at the service have decided so far, in order."""
        with self._turn:
            return self._notices.every()

    def appeal(self, notice_id: bytes, text: str) -> Notice:
        """Ask for another look at a decision; the answer comes as a `Notice`.

        Raises NoticeMissing, NoAppealHere, AppealTextUnusable, or what the provider refuses.
        """
        with self._turn:
            return self._notices.appeal(notice_id, text)

    def block(self, account: str) -> None:
        """Show nothing of this account any more; it is not told, and what it sends is kept."""
        with self._turn, self._kit.store.transaction():
            self._contacts.block(account, self._kit.surroundings.now_ms())

    def unblock(self, account: str) -> None:
        """Show this account's messages again, with what it sent meanwhile in `history`."""
        with self._turn, self._kit.store.transaction():
            self._contacts.unblock(account)

    def blocked(self) -> list[str]:
        """Who is blocked."""
        with self._turn, self._kit.store.transaction():
            return self._contacts.blocked()

    def help_lines(self) -> tuple[HelpLine, ...]:
        """Who can help, in the country of `device.country`; without any network."""
        return help_for(self._kit.settings.country)
