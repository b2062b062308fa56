"""A page of the work: `pages.render` with what each of them needs, and never kept by a browser.

Guarantees: every page of the work says how the person stands and has the way out; no answer that
tells of a case is cached; an error of a form is shown on the form's own page, with its remedy.
"""

from typing import Annotated, Any, Final

from fastapi import Form, Path, Request
from starlette.responses import Response

from softfall.casework import shifts
from softfall.casework.rights import StaffRef
from softfall.console import cookies, pages, standing, wording
from softfall.console.service import ConsoleService
from softfall.console.sessions import Session

KEYS_COOKIE: Final = "__Host-keys"
NEVER_KEPT: Final = {"cache-control": "no-store"}

CaseId = Annotated[str, Path(max_length=32, pattern="^[0-9a-f]{1,32}$")]
EvidenceId = Annotated[int, Path(ge=0, lt=2**63)]
Text = Annotated[str, Form(max_length=2_000)]


def staff_of(session: Session) -> StaffRef:
    """Who acts, as casework names them."""
    return StaffRef(session.name, session.role)


def standing_of(service: ConsoleService, session: Session) -> shifts.Standing:
    """How the person stands now."""
    with service.db.read() as tx:
        return shifts.standing(tx, session.name, service.settings.casework, service.clock())


def on_shift(known: shifts.Standing, now_ms: int) -> bool:
    """Whether the person's shift is running."""
    return known.shift is not None and shifts.is_running(known.shift, now_ms)


def letters_on(request: Request) -> bool:
    """Whether this browser's person has single letters as keys."""
    return cookies.shown(request, KEYS_COOKIE) != "off"


def work_page(
    request: Request,
    service: ConsoleService,
    session: Session,
    template: str,
    /,
    status_code: int = 200,
    **values: Any,
) -> Response:
    """A page of the work. values: what the template names, beside what all pages of the work have.

    problem: a SoftfallError that a form ran into; not_now: a `NotNow` of the limits.
    """
    now_ms = service.clock()
    known = values.pop("known", None) or standing_of(service, session)
    told = {
        "standing": standing.told(known, now_ms),
        "letters": letters_on(request),
        "words": wording,
        "now_ms": now_ms,
        "problem": None,
        "not_now": None,
    }
    reply = pages.render(request, template, status_code, **{**told, **values})
    reply.headers.update(NEVER_KEPT)
    return reply
