"""A small casework to try evidence in: a database, a vault, cases, staff, and a clock to turn."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select

from softfall.audit import trail
from softfall.casework import shifts
from softfall.casework.database import MIGRATIONS, open_casework
from softfall.casework.evidence.vault import Vault
from softfall.casework.evidence.views import Asked, View, Views
from softfall.casework.exposure import NotNow
from softfall.casework.model import CaseState, EvidenceKind, Role, Severity
from softfall.casework.rights import StaffRef
from softfall.casework.tables import cases, decisions
from softfall.config import CaseworkSettings
from softfall.media.rendered import WHOLE
from softfall.store.transactions import Database
from tests.databases import Databases

START_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ANNE = StaffRef("anne", Role.MODERATOR)
BEN = StaffRef("ben", Role.MODERATOR)
LEO = StaffRef("leo", Role.LEAD)
LIA = StaffRef("lia", Role.LEAD)
KEY = bytes(range(32))


@dataclass
class Room:
    """What a test needs at hand."""

    db: Database
    settings: CaseworkSettings = field(default_factory=CaseworkSettings)
    vault: Vault = field(default_factory=lambda: Vault(KEY))
    now_ms: int = START_MS
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def clock(self) -> int:
        """Unix time in milliseconds."""
        return self.now_ms

    @property
    def views(self) -> Views:
        """With the settings of now."""
        return Views(self.vault, self.settings)

    def configure(self, **changes: object) -> None:
        """Change settings of [casework]."""
        self.settings = CaseworkSettings.model_validate({**self.settings.model_dump(), **changes})

    def case(self, owner: StaffRef | None = ANNE, **changes: object) -> tuple[int, str]:
        """A case in review, with a key: its row and id."""
        number = next(self._numbers)
        row: dict[str, object] = {
            "case_id": f"case-{number}", "subject": "mallory", "state": CaseState.IN_REVIEW,
            "state_since_ms": self.now_ms, "opened_at_ms": self.now_ms, "category": "other report",
            "severity": Severity.ORDINARY, "child_at_risk_now": False, "own_picture": False,
            "rank": 1, "due_at_ms": self.now_ms, "reasons": "[]", "newest_source": 0,
            "assigned_to": owner.name if owner else None, **changes,
        }  # fmt: skip
        with self.db.write() as tx:
            added = tx.execute(insert(cases).values(row).returning(cases.c.row)).scalar_one()
            self.vault.new_case_key(tx, added)
        return added, str(row["case_id"])

    def put(
        self,
        case_row: int,
        body: bytes = b"a harmless scene",
        kind: EvidenceKind = EvidenceKind.PICTURE,
    ) -> int:
        """A piece of evidence."""
        with self.db.write() as tx:
            return self.vault.put(tx, case_row, kind, body, None, self.now_ms, "picture 1")

    def decision(self, case_row: int, outcome: str, state: str = "final") -> None:
        """A decision about a case."""
        row = {
            "decision_id": f"decision-{next(self._numbers)}", "case": case_row, "state": state,
            "outcome": outcome, "reason": "seen", "policy_ref": "P1", "restrict_days": 0,
            "accounts": "[]", "override_reason": "", "proposed_by": "anne",
            "proposed_at_ms": self.now_ms, "wants_telling": True, "told": False,
        }  # fmt: skip
        with self.db.write() as tx:
            tx.execute(insert(decisions).values(row))

    def start(self, staff: StaffRef = ANNE) -> None:
        """Start a shift."""
        with self.db.write() as tx:
            shifts.start(tx, staff, self.settings, self.now_ms)

    def stop(self, staff: StaffRef = ANNE) -> None:
        """Stop it."""
        with self.db.write() as tx:
            shifts.stop(tx, staff, self.now_ms)

    def look(
        self,
        case_id: str,
        evidence_id: int,
        region: int = 4,
        staff: StaffRef = ANNE,
        blur: int = 0,
        *,
        partial: bool = False,
    ) -> View | NotNow:
        """Begin a view."""
        asked = Asked(case_id, evidence_id, region, "to decide the case", blur)
        with self.db.write() as tx:
            return self.views.open_view(tx, staff, asked, self.now_ms, partial=partial)

    def read(self, case_id: str, evidence_id: int, staff: StaffRef = ANNE) -> View | NotNow:
        """Begin a view of words."""
        return self.look(case_id, evidence_id, WHOLE, staff)

    def lines(self, action: str) -> list[Mapping[str, Any]]:
        """The audit log's lines of one kind."""
        with self.db.read() as tx:
            found = trail.read(tx, action=action)
        return [
            {"who": line.who, "subject": line.subject, **json.loads(line.details)} for line in found
        ]

    def rows(self, table: Any) -> list[Any]:
        """All of a table."""
        with self.db.read() as tx:
            return list(tx.execute(select(table)))


def new_room(databases: Databases) -> Room:
    """A room on a fresh database."""
    return Room(open_casework(databases.migrated(MIGRATIONS)))
