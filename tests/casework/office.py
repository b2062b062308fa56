"""A casework office for tests: a desk on a fresh database, people, and things that come in."""

import itertools
from typing import Any

from sqlalchemy import select

from softfall.audit import trail
from softfall.casework import enacting
from softfall.casework.database import MIGRATIONS, open_casework
from softfall.casework.decisions import Decided, Ruling
from softfall.casework.described import CaseView
from softfall.casework.desk import CaseDesk
from softfall.casework.evidence.vault import Vault
from softfall.casework.incoming import (
    AppealMade,
    Enacted,
    Enactment,
    HashFacts,
    HeldMessage,
    HoldMoved,
    Incoming,
    ReportedMessage,
)
from softfall.casework.model import Outcome, Role, Source
from softfall.casework.rights import StaffRef
from softfall.casework.tables import enactments
from softfall.config import CaseworkSettings
from tests.databases import Databases

PROVIDER = "provider"
MO = StaffRef("mo", Role.MODERATOR)
MIA = StaffRef("mia", Role.MODERATOR)
LEA = StaffRef("lea", Role.LEAD)
LOU = StaffRef("lou", Role.LEAD)
AUDITOR = StaffRef("aud", Role.AUDITOR)
ADMINISTRATOR = StaffRef("adm", Role.ADMINISTRATOR)

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
START_MS = 1_700_000_000_000

CERTIFIED = HashFacts(
    option="split", epoch=1, confirmed=True, entry=3, label="a", sources=("list",),
    certifiers=("north", "south"),
)  # fmt: skip
ONE_CERTIFIER = CERTIFIED.model_copy(update={"entry": 4, "certifiers": ("north", "north")})
UNCONFIRMED = HashFacts(option="split", epoch=1, confirmed=False)

_numbers = itertools.count(1)


def reference(word: str) -> str:
    return f"{word}-{next(_numbers)}"


def hold(subject: str = "ada", facts: HashFacts | None = CERTIFIED, **changes: Any) -> Incoming:
    number = next(_numbers)
    values: dict[str, Any] = {
        "reference": f"hold-{number}",
        "source": Source.HOLD,
        "subject": subject,
        "reason": "on the list" if facts and facts.confirmed else "not judged",
        "kind": "confirmed" if facts and facts.confirmed else "outage",
        "arrived_at_ms": START_MS,
        "held": HeldMessage(sender=subject, envelope_id=f"{number:032x}"),
        "facts": facts,
    }
    return Incoming(**{**values, **changes})


def report(
    subject: str = "ada", words: str = "hello there", picture: str | None = None, **changes: Any
) -> Incoming:
    message = ReportedMessage(
        sender=subject, conversation="c", envelope_id=f"{next(_numbers):032x}",
        received_at_ms=START_MS, text=words, picture_sha256=picture,
    )  # fmt: skip
    values: dict[str, Any] = {
        "reference": reference("report"),
        "source": Source.REPORT,
        "subject": subject,
        "reason": "harassment",
        "arrived_at_ms": START_MS,
        "reporter": "ben",
        "messages": (message,),
    }
    return Incoming(**{**values, **changes})


def ruling(outcome: Outcome = Outcome.BLOCK, **changes: Any) -> Ruling:
    days = 7 if outcome is Outcome.RESTRICT else 0
    values = {"reason": "as the policy says", "policy_ref": "known-material"}
    return Ruling(outcome, **{"restrict_days": days, **values, **changes})


class Office:
    """A desk whose clock stands still until it is moved, and a provider that is played by hand."""

    def __init__(self, url: str, **rules: Any) -> None:
        self.url = url
        self.now_ms = START_MS
        self.db = open_casework(url)
        self.rules = CaseworkSettings(legal_hold_setters="lea", **rules)
        self.vault = Vault(bytes(range(32)))
        self.desk = CaseDesk(self.db, self.clock, self.rules, self.vault)

    def clock(self) -> int:
        return self.now_ms

    def later(self, ms: int) -> None:
        self.now_ms += ms

    def take_in(self, incoming: Incoming, origin: str = PROVIDER) -> str:
        return self.desk.take_in(origin, incoming).case_id

    def see(self, case_id: str) -> CaseView:
        return self.desk.case(case_id, LEA)

    def decide(self, case_id: str, outcome: Outcome, staff: StaffRef = MO, **how: Any) -> Decided:
        self.desk.take(case_id, staff)
        return self.desk.decide(case_id, staff, ruling(outcome, **how))

    def refer(self, case_id: str, by: StaffRef = MO, reader: StaffRef = LEA) -> Decided:
        self.decide(case_id, Outcome.REFER, by)
        return self.desk.second_read(case_id, reader, True, "agreed")

    def appeal(self, case_id: str, account: str = "ada", **changes: Any) -> str:
        values = {
            "reference": reference("appeal"), "case_id": case_id, "account": account,
            "text": "please look again", "at_ms": self.now_ms,
        }  # fmt: skip
        return self.desk.appeal_made(PROVIDER, AppealMade(**{**values, **changes}))

    def moved(self, incoming: Incoming, state: str) -> None:
        news = HoldMoved.model_validate(
            {"reference": incoming.reference, "state": state, "at_ms": self.now_ms}
        )
        self.desk.hold_moved(PROVIDER, news)

    def orders(self, case_id: str) -> list[Enactment]:
        """What the provider is to do about a case, in order."""
        with self.db.read() as tx:
            bodies = tx.execute(select(enactments.c.body).order_by(enactments.c.row)).scalars()
            found = [Enactment.model_validate_json(body) for body in bodies]
        return [body for body in found if body.case_id == case_id]

    def enact(self, *late: tuple[HeldMessage, str]) -> int:
        """Play the provider: do all that waits; how many there were."""
        with self.db.write() as tx:
            rows = tx.execute(select(enactments).where(enactments.c.state == "waiting")).all()
            for row in rows:
                body = Enactment.model_validate_json(row.body)
                mine = tuple(one for one in late if one[0] in [each.held for each in body.holds])
                answer = Enacted(enactment_id=body.enactment_id, late=mine)
                enacting.mark_done(tx, row, answer, self.now_ms)
        return len(rows)

    def audited(self, case_id: str) -> list[str]:
        """The audit log's actions about a case, in order."""
        with self.db.read() as tx:
            return [line.action for line in trail.read(tx, subject=case_id)]


def new_office(databases: Databases, **rules: Any) -> Office:
    return Office(databases.migrated(MIGRATIONS), **rules)
