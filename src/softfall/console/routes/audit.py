"""The audit log, read-only: its lines, and whether it is whole."""

import json
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from softfall.audit import trail
from softfall.audit.in_database import verify_database
from softfall.audit.keeping import read_checkpoints
from softfall.audit.keys import public_keys_of
from softfall.audit.verifying import Verdict
from softfall.console import pages
from softfall.console.access import Auditor, ConsoleNow
from softfall.console.service import ConsoleService

LINES_A_PAGE = 100

router = APIRouter(tags=["pages"])

Filter = Annotated[str, Query(max_length=128)]


@router.get("/audit", summary="The audit log's lines, the newest first")
def audit(
    request: Request,
    session: Auditor,
    service: ConsoleNow,
    action: Filter = "",
    subject: Filter = "",
    who: Filter = "",
    before: Annotated[int | None, Query(ge=1, lt=2**62)] = None,
) -> Response:
    """By action ("case." for all that begin so), subject and person; a hundred at a time."""
    with service.db.read() as tx:
        found = trail.newest(
            tx, before, LINES_A_PAGE + 1, action.strip() or None, subject.strip() or None,
            who.strip() or None,
        )  # fmt: skip
        total = trail.last_number(tx)
    older = found[LINES_A_PAGE - 1].number if len(found) > LINES_A_PAGE else None
    rows = [(line, _details(line.details)) for line in found[:LINES_A_PAGE]]
    return pages.render(
        request, "audit.html", rows=rows, older=older, total=total, action=action,
        subject=subject, who=who, before=before,
    )  # fmt: skip


@router.post("/audit/verify", summary="Look over the whole log")
def verify(request: Request, session: Auditor, service: ConsoleNow) -> Response:
    """Each line, the chain, and every signed checkpoint; changes nothing."""
    return pages.render(request, "audit_verdict.html", verdict=_verdict(service))


def _verdict(service: ConsoleService) -> Verdict:
    carried = read_checkpoints(service.keeper.file)
    keys = public_keys_of(service.settings.console.data_dir)
    with service.db.read() as tx:
        return verify_database(tx, carried, keys)


def _details(text: str) -> list[tuple[str, str]]:
    """Names and values of a line's details, as people read them."""
    try:
        found = json.loads(text)
    except ValueError:
        return [("unreadable", text)]
    if not isinstance(found, dict):
        return [("unreadable", text)]
    return [
        (name, value if isinstance(value, str) else json.dumps(value))
        for name, value in found.items()
    ]
