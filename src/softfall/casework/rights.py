"""Which role may do what to a case, as a table.

Guarantees: every deed of the desk is a row; a role that the row does not name is refused by name.
Nobody who keeps accounts or reads the log (administrator, auditor) touches a case.
Source: Softfall's own rules; `model.Role` says what each role is for.
"""

from dataclasses import dataclass
from enum import StrEnum

from softfall.casework.model import Role
from softfall.errors import RefusedError


class NotYourRole(RefusedError):
    """This member of staff's role does not do this."""

    remedy = "Ask somebody with the role that is named; an administrator can change roles."


@dataclass(frozen=True, slots=True)
class StaffRef:
    """Who acts: a member of staff's name, and the role that they act in."""

    name: str
    role: Role


class Deed(StrEnum):
    """What staff do to cases."""

    SEE = "look at a case"
    TAKE = "take a case"
    DECIDE = "decide a case"
    ESCALATE = "pass a case to leads"
    MARK = "mark a case as a young person's own picture"
    WORK_ESCALATED = "work on a case that was escalated"
    SECOND_READ = "second-read a referral"
    DECIDE_APPEAL = "decide an appeal"
    OVERRIDE = "refer a young person's own picture"
    RETRY = "have an enactment tried again"
    EXPORT = "export a case's evidence"


_WORKERS = frozenset({Role.MODERATOR, Role.LEAD})
_LEADS = frozenset({Role.LEAD})

RIGHTS = {
    Deed.SEE: _WORKERS,
    Deed.TAKE: _WORKERS,
    Deed.DECIDE: _WORKERS,
    Deed.ESCALATE: _WORKERS,
    Deed.MARK: _WORKERS,
    Deed.WORK_ESCALATED: _LEADS,
    Deed.SECOND_READ: _LEADS,
    Deed.DECIDE_APPEAL: _LEADS,
    Deed.OVERRIDE: _LEADS,
    Deed.RETRY: _LEADS,
    Deed.EXPORT: _LEADS,
}


def check(staff: StaffRef, deed: Deed) -> None:
    """Whether this role does this. Raises NotYourRole."""
    if staff.role not in RIGHTS[deed]:
        roles = " or ".join(sorted(RIGHTS[deed]))
        raise NotYourRole(f"only a {roles} may {deed}")


def deeds_of(role: Role) -> frozenset[Deed]:
    """Everything that a role does to cases."""
    return frozenset(deed for deed, roles in RIGHTS.items() if role in roles)
