"""HTTP statuses of the provider's own errors, where the blame's own will not do; and their docs."""

from collections import defaultdict
from typing import Any

from softfall.edge.errors import EDGE_STATUSES, STATUS_OF_BLAME, ErrorReply, Statuses
from softfall.errors import SoftfallError
from softfall.provider.accounts import AccountTaken, NotAuthenticated
from softfall.provider.attachments import AttachmentUnknown
from softfall.provider.enacting import EnactmentReused
from softfall.provider.enclave import EnclaveRestarted
from softfall.provider.envelopes import EnvelopeIdReused, UnknownRecipient
from softfall.provider.epochs import WrongEpoch
from softfall.provider.keys import KeyIdReused, NoKeysLeft, TooManyKeys, UnknownAccount
from softfall.provider.life import UnknownTransition
from softfall.provider.mirror import ListFileMissing
from softfall.provider.notices import AppealedAlready, AppealTimeOver, NoticeUnknown
from softfall.provider.reported import ReportUnknown
from softfall.provider.reports import ReceiptTooOld, ReportReplayed
from softfall.provider.staff import (
    DecidedInCasework,
    EnvelopeAmbiguous,
    EnvelopeUnknown,
    StaffRoutesOff,
)
from softfall.provider.surfaces import ReferenceReused, SurfacesOff
from softfall.store.transactions import StorageFull

STATUSES: Statuses = {
    NotAuthenticated: 401,
    AccountTaken: 409,
    UnknownAccount: 404,
    NoKeysLeft: 409,
    KeyIdReused: 409,
    TooManyKeys: 409,
    AttachmentUnknown: 404,
    UnknownRecipient: 404,
    EnvelopeIdReused: 409,
    WrongEpoch: 409,
    EnclaveRestarted: 409,
    ListFileMissing: 404,
    UnknownTransition: 409,
    ReportReplayed: 409,
    ReportUnknown: 404,
    ReceiptTooOld: 410,
    StaffRoutesOff: 404,
    EnvelopeUnknown: 404,
    EnvelopeAmbiguous: 409,
    DecidedInCasework: 409,
    EnactmentReused: 409,
    NoticeUnknown: 404,
    AppealedAlready: 409,
    AppealTimeOver: 410,
    SurfacesOff: 404,
    ReferenceReused: 409,
    StorageFull: 507,
}


def may_raise(*errors: type[SoftfallError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route, for its OpenAPI document: each error by name and status."""
    names: dict[int, list[str]] = defaultdict(list)
    for error in errors:
        names[_status(error)].append(error.__name__)
    return {
        status: {"model": ErrorReply, "description": ", ".join(sorted(named))}
        for status, named in sorted(names.items())
    }


def _status(error: type[SoftfallError]) -> int:
    known = {**EDGE_STATUSES, **STATUSES}
    return next(
        (known[kind] for kind in error.__mro__ if kind in known), STATUS_OF_BLAME[error.blame]
    )
