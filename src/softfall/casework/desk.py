"""The desk: everything that intake and staff do to cases, each in one transaction.

Guarantees: a deed is wholly done, with its line in the case's timeline, its line in the audit log
and what the provider is to do about it, or not at all; one person has a case at a time; nothing is
decided twice, and nothing is enacted that nobody decided.
Leaves to others: who somebody is (the console's sessions), opening evidence (`evidence.views`), the
words of a referral (`referral`), bringing decisions to the provider (`enactor`).
Every error of its methods is raised by the room that the method names; see there.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select

from softfall.casework import appeals, clock, decisions, enacting, intake, queue, reading
from softfall.casework.decisions import Bench, Decided, ReferralWay, Ruling
from softfall.casework.described import AppealSeen, CaseRow, CaseView, Mix, QueueFilter
from softfall.casework.incoming import AppealMade, HoldMoved, Incoming, TakenIn
from softfall.casework.intake import EvidenceStore, PictureTaken, ReferenceUnknown
from softfall.casework.model import CaseState, Outcome
from softfall.casework.policies import Policies, load
from softfall.casework.priority import Category
from softfall.casework.rights import StaffRef
from softfall.casework.tables import cases, sources
from softfall.casework.tables import decisions as decision_rows
from softfall.config import CaseworkSettings
from softfall.store.transactions import Database

MINUTE_MS = 60_000
DAY_MS = 86_400_000

Clock = Callable[[], int]


@dataclass(frozen=True, slots=True)
class CaseStatus:
    """What another tool may know of what it handed in. outcome: once it stands."""

    case_id: str
    state: CaseState
    outcome: Outcome | None


class CaseDesk:
    """Cases, for as many threads and processes as like. clock: Unix milliseconds."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        rules: CaseworkSettings,
        vault: EvidenceStore,
        referrals: ReferralWay | None = None,
    ) -> None:
        self.db = db
        self.clock = clock
        self.policies: Policies = load(rules.policies_file)
        self._vault = vault
        appeal_ms = round(rules.appeal_days * DAY_MS)
        self._bench = Bench(rules.second_reader, appeal_ms, self.policies, referrals)
        self._times = _times(rules, appeal_ms)

    # What services and tools hand in (`intake`, `appeals`). origin: "provider", or a tool's name.

    def take_in(self, origin: str, incoming: Incoming) -> TakenIn:
        """Open a case, or join one. Raises NotYoursToTell, ReferenceTaken, EvidenceTooLarge."""
        with self.db.write() as tx:
            return intake.take_in(tx, self._vault, origin, incoming, self.clock())

    def put_picture(self, origin: str, reference: str, sha256: str, body: bytes) -> PictureTaken:
        """Keep a picture that was told of. sha256: in hex.

        Raises ReferenceUnknown, PictureNotWanted, PictureAltered, EvidenceTooLarge.
        """
        now_ms = self.clock()
        with self.db.write() as tx:
            return intake.put_picture(tx, self._vault, origin, reference, sha256, body, now_ms)

    def hold_moved(self, origin: str, news: HoldMoved) -> None:
        """Hear what the provider's clock did. Raises NotYoursToTell, ReferenceUnknown."""
        with self.db.write() as tx:
            intake.hold_moved(tx, origin, news, self.clock())

    def appeal_made(self, origin: str, told: AppealMade) -> str:
        """Take an appeal in; its id.

        Raises NotYoursToTell, CaseUnknown, NothingToAppeal, AppealTooLate, AppealedBefore,
        ReferenceTaken.
        """
        with self.db.write() as tx:
            return appeals.made(tx, self._vault, origin, told, self.clock())

    def status(self, origin: str, reference: str) -> CaseStatus:
        """Where what was handed in is now. Raises ReferenceUnknown."""
        final = decision_rows.c.state == "final"
        with self.db.read() as tx:
            row = tx.execute(
                select(cases.c.case_id, cases.c.state, decision_rows.c.outcome)
                .join(sources, sources.c.case == cases.c.row)
                .outerjoin(decision_rows, (decision_rows.c.case == cases.c.row) & final)
                .where(sources.c.origin == origin, sources.c.reference == reference)
            ).one_or_none()
        if row is None:
            raise ReferenceUnknown("nothing was handed in under this reference")
        outcome = Outcome(row.outcome) if row.outcome else None
        return CaseStatus(row.case_id, CaseState(row.state), outcome)

    # The queue (`queue`, `reading`).

    def queue(self, staff: StaffRef, wanted: QueueFilter | None = None) -> list[CaseRow]:
        """One shelf, what comes first on top. Raises NotYourRole."""
        with self.db.read() as tx:
            return queue.listed(tx, staff, wanted or QueueFilter())

    def count(self, staff: StaffRef, wanted: QueueFilter | None = None) -> int:
        """How many cases a shelf holds. Raises NotYourRole."""
        with self.db.read() as tx:
            return queue.counted(tx, staff, wanted or QueueFilter())

    def mix(self, staff: StaffRef) -> Mix:
        """What waits, as counts, for the start of a shift. Raises NotYourRole."""
        with self.db.read() as tx:
            return queue.mix(tx, staff, self.clock())

    def case(self, case_id: str, staff: StaffRef) -> CaseView:
        """A case whole. Raises CaseUnknown, NotYourRole."""
        with self.db.read() as tx:
            return reading.view(tx, case_id, staff, self._bench.second_reader)

    def appeals(self, staff: StaffRef) -> tuple[AppealSeen, ...]:
        """Appeals that wait, the oldest first. Raises NotYourRole."""
        with self.db.read() as tx:
            return reading.appeals_waiting(tx, staff)

    def take(self, case_id: str, staff: StaffRef) -> CaseView:
        """Have a case; one's own again, which keeps it from timing out.

        Raises CaseUnknown, NotYourRole, NotYourCase, SecondReaderNeeded, CaseMoved.
        """
        with self.db.write() as tx:
            queue.take(tx, case_id, staff, self.clock())
            return reading.view(tx, case_id, staff, self._bench.second_reader)

    def take_next(
        self, staff: StaffRef, skip: frozenset[Category] = frozenset()
    ) -> CaseView | None:
        """Have the first case that one may work on; None if there is none. Raises NotYourRole."""
        with self.db.write() as tx:
            case_id = queue.take_next(tx, staff, skip, self.clock())
            if case_id is None:
                return None
            return reading.view(tx, case_id, staff, self._bench.second_reader)

    def give_back(self, case_id: str, staff: StaffRef, reason: str = "") -> None:
        """Let others have it. Raises CaseUnknown, NotYourRole, NotYourCase."""
        with self.db.write() as tx:
            queue.give_back(tx, case_id, staff, reason, self.clock())

    def give_all_back(self, staff: StaffRef) -> int:
        """Let others have everything that this person has: for a shift that stops. How many."""
        with self.db.write() as tx:
            return queue.give_all_back(tx, staff, self.clock())

    def escalate(self, case_id: str, staff: StaffRef, reason: str) -> None:
        """Pass it to leads. Raises CaseUnknown, NotYourRole, NotYourCase, ReasonMissing."""
        with self.db.write() as tx:
            queue.escalate(tx, case_id, staff, reason, self.clock())

    def mark_own_picture(self, case_id: str, staff: StaffRef, own: bool, reason: str) -> None:
        """Say whether it is a young person's own picture, shared among peers.

        Raises CaseUnknown, NotYourRole, NotYourCase, ReasonMissing, SecondReaderNeeded.
        """
        with self.db.write() as tx:
            queue.mark_own_picture(tx, case_id, staff, own, reason, self.clock())

    # What people decide (`decisions`, `appeals`).

    def decide(self, case_id: str, staff: StaffRef, ruling: Ruling) -> Decided:
        """Decide a case that one has; a referral that needs a second reader waits for one.

        Raises what `decisions.decide` says.
        """
        with self.db.write() as tx:
            return decisions.decide(tx, self._bench, case_id, staff, ruling, self.clock())

    def second_read(
        self,
        case_id: str,
        staff: StaffRef,
        agrees: bool,
        reason: str,
        *,
        documents_digest: str = "",
        version: int | None = None,
    ) -> Decided:
        """Agree to a proposed referral, or not. Raises what `decisions.second_read` says.

        documents_digest: of the draft that was read, which is approved with this, and sent.
        """
        with self.db.write() as tx:
            return decisions.second_read(
                tx, self._bench, case_id, staff, agrees, reason, self.clock(),
                documents_digest=documents_digest, version=version,
            )  # fmt: skip

    def withdraw_proposal(self, case_id: str, staff: StaffRef, reason: str) -> None:
        """Take one's own proposal back. Raises what `decisions.withdraw` says."""
        with self.db.write() as tx:
            decisions.withdraw(tx, case_id, staff, reason, self.clock())

    def decide_appeal(self, appeal_id: str, staff: StaffRef, upholds: bool, reason: str) -> None:
        """End an appeal. upholds: the decision stands; else what it did is undone.

        Raises NotYourRole, AppealUnknown, SameReader, ReasonMissing.
        """
        with self.db.write() as tx:
            appeals.decide(tx, self._bench, appeal_id, staff, upholds, reason, self.clock())

    def retry_enactment(self, enactment_id: str, staff: StaffRef) -> None:
        """Have what the provider refused tried again. Raises NotYourRole, EnactmentUnknown."""
        with self.db.write() as tx:
            enacting.retry(tx, enactment_id, staff, self.clock())

    def set_enactment_aside(self, enactment_id: str, staff: StaffRef, reason: str) -> None:
        """Say that what the provider refused needs no more trying: done by hand, or impossible.

        Raises NotYourRole, EnactmentUnknown, ReasonMissing.
        """
        with self.db.write() as tx:
            enacting.set_aside(tx, enactment_id, staff, reason, self.clock())

    # What time does (`clock`).

    def tick(self) -> clock.Ticked:
        """One round of the clock; every process may call it as often as it likes."""
        return clock.run_once(self.db, self._times, self.clock())


def _times(rules: CaseworkSettings, appeal_ms: int) -> clock.Times:
    return clock.Times(round(rules.assignment_minutes * MINUTE_MS), appeal_ms)
