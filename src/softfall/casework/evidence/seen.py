"""What persons saw of a piece of evidence, as the audit log has it.

Guarantees: read from the audit log's lines, which no view begins without, and from nothing else.
"""

import json
from typing import Final

from sqlalchemy import Connection, select

from softfall.audit import trail
from softfall.casework.evidence.tables import evidence
from softfall.casework.model import EvidenceKind
from softfall.casework.tables import cases
from softfall.media.rendered import CLEAREST, REGIONS

VIEWED: Final = "evidence.viewed"
_LINES_AT_ONCE: Final = 1_000


def viewed_whole(tx: Connection, evidence_id: int) -> bool:
    """Whether persons saw the whole of it, as the audit log has it: what `fileViewedByEsp` says.

    A picture: all nine regions at the clearest blur, by whoever, and no frames that could not be
    shown. Words: opened once.
    """
    case = (
        select(cases.c.case_id)
        .join(evidence, evidence.c.case_row == cases.c.row)
        .where(evidence.c.row == evidence_id)
    )
    case_id = tx.execute(case).scalar()
    if case_id is None:
        return False
    seen, since = set[int](), 0
    while lines := trail.read(tx, since, _LINES_AT_ONCE, action=VIEWED, subject=case_id):
        since = lines[-1].number
        for line in lines:
            told = json.loads(line.details)
            if told["evidence"] != evidence_id or told["partial"]:
                continue
            if told["kind"] != EvidenceKind.PICTURE:
                return True
            if told["blur"] == CLEAREST:
                seen.add(told["region"])
    return seen.issuperset(range(REGIONS))
