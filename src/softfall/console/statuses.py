"""HTTP statuses of the console's errors, where the blame's own will not do; and their docs."""

from collections import defaultdict
from typing import Any

from softfall.casework.appeals import AppealedBefore, AppealTooLate, AppealUnknown, NothingToAppeal
from softfall.casework.cases import CaseUnknown, NotYourCase
from softfall.casework.decisions import SameReader, SecondReaderNeeded
from softfall.casework.enacting import EnactmentUnknown
from softfall.casework.evidence.legal_hold import LegalHoldUnknown
from softfall.casework.evidence.vault import EvidenceGone, EvidenceTooLarge, EvidenceUnknown
from softfall.casework.hotline.life import UnknownMailMove
from softfall.casework.hotline.outbox import MailUnknown
from softfall.casework.intake import PictureNotWanted, ReferenceTaken, ReferenceUnknown
from softfall.casework.life import CaseMoved
from softfall.casework.referral.life import UnknownReferralMove
from softfall.casework.referral.moves import ReferralUnknown
from softfall.casework.referral.referrals import DraftClosed, DraftMoved
from softfall.casework.shifts import ShiftRunning, ShiftTooSoon
from softfall.console.access import IntakeTokenWrong
from softfall.console.lockout import TooManyFailures
from softfall.console.login import LoginRefused
from softfall.console.sessions import NotSignedIn
from softfall.console.staff import StaffNameTaken, StaffUnknown
from softfall.console.tools import ToolNameTaken, ToolUnknown
from softfall.edge.errors import EDGE_STATUSES, STATUS_OF_BLAME, ErrorReply, Statuses
from softfall.errors import SoftfallError
from softfall.store.transactions import StorageFull

STATUSES: Statuses = {
    NotSignedIn: 401,
    IntakeTokenWrong: 401,
    LoginRefused: 403,
    TooManyFailures: 429,
    StaffUnknown: 404,
    StaffNameTaken: 409,
    ToolUnknown: 404,
    ToolNameTaken: 409,
    StorageFull: 507,
    CaseUnknown: 404,
    NotYourCase: 409,
    CaseMoved: 409,
    SecondReaderNeeded: 409,
    SameReader: 403,
    EnactmentUnknown: 404,
    ReferenceUnknown: 404,
    ReferenceTaken: 409,
    PictureNotWanted: 404,
    EvidenceTooLarge: 413,
    NothingToAppeal: 409,
    AppealTooLate: 410,
    AppealedBefore: 409,
    AppealUnknown: 404,
    EvidenceUnknown: 404,
    EvidenceGone: 410,
    ShiftRunning: 409,
    ShiftTooSoon: 409,
    DraftMoved: 409,
    DraftClosed: 409,
    ReferralUnknown: 404,
    UnknownReferralMove: 409,
    LegalHoldUnknown: 404,
    MailUnknown: 404,
    UnknownMailMove: 409,
}


def may_raise(*errors: type[SoftfallError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route, for its OpenAPI document: each error by name and status."""
    known = {**EDGE_STATUSES, **STATUSES}
    names: dict[int, list[str]] = defaultdict(list)
    for error in errors:
        kinds = (known[kind] for kind in error.__mro__ if kind in known)
        names[next(kinds, STATUS_OF_BLAME[error.blame])].append(error.__name__)
    return {
        status: {"model": ErrorReply, "description": ", ".join(sorted(named))}
        for status, named in sorted(names.items())
    }
