"""Staff administration: accounts are added, given roles, disabled, unlocked, reset."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import Response

from softfall.casework.model import Role
from softfall.console import pages
from softfall.console.access import Administrator, ConsoleNow
from softfall.console.passwords import drawn_password

router = APIRouter(tags=["pages"])

Name = Annotated[str, Path(max_length=64)]


@router.get("/staff", summary="Who is on the staff")
def staff(request: Request, session: Administrator, service: ConsoleNow) -> Response:
    """Roles, and which accounts are locked or disabled; nothing of anybody's work."""
    return _page(request, service)


@router.post("/staff", summary="Add somebody")
def add(
    request: Request,
    session: Administrator,
    service: ConsoleNow,
    name: Annotated[str, Form(max_length=64)],
    role: Annotated[Role, Form()],
) -> Response:
    """The answer shows the first password, this once; it is changed at the first log-in."""
    password = drawn_password()
    service.office.add(session.name, name, role, password, must_change=True)
    return _page(request, service, drawn=(name, password))


@router.post("/staff/{name}/role", summary="Change a role")
def change_role(
    name: Name, session: Administrator, service: ConsoleNow, role: Annotated[Role, Form()]
) -> Response:
    """Nobody's own; the person logs in anew."""
    service.office.set_role(session.name, name, role)
    return pages.redirect("/staff", "role-changed")


@router.post("/staff/{name}/disable", summary="Disable an account")
def disable(name: Name, session: Administrator, service: ConsoleNow) -> Response:
    """Its sessions end; its deeds stay on record."""
    service.office.disable(session.name, name)
    return pages.redirect("/staff", "disabled")


@router.post("/staff/{name}/enable", summary="Enable an account")
def enable(name: Name, session: Administrator, service: ConsoleNow) -> Response:
    """The person may log in again."""
    service.office.enable(session.name, name)
    return pages.redirect("/staff", "enabled")


@router.post("/staff/{name}/unlock", summary="End a lock after failed log-ins")
def unlock(name: Name, session: Administrator, service: ConsoleNow) -> Response:
    """At once; failures are counted from none again."""
    service.office.unlock(session.name, name)
    return pages.redirect("/staff", "unlocked")


@router.post("/staff/{name}/reset", summary="Draw a new password")
def reset(request: Request, name: Name, session: Administrator, service: ConsoleNow) -> Response:
    """The answer shows it, this once; it is changed at the first log-in."""
    password = service.office.reset(session.name, name)
    return _page(request, service, drawn=(name, password))


@router.post("/staff/{name}/subject", summary="Link an account to the OIDC provider's subject")
def link(
    name: Name,
    session: Administrator,
    service: ConsoleNow,
    subject: Annotated[str, Form(max_length=255)] = "",
) -> Response:
    """Empty unlinks it."""
    service.office.link_oidc(session.name, name, subject.strip() or None)
    return pages.redirect("/staff", "linked")


def _page(request: Request, service: ConsoleNow, drawn: tuple[str, str] | None = None) -> Response:
    return pages.render(
        request, "staff.html", members=service.office.members(), roles=list(Role), drawn=drawn,
        now_ms=service.clock(), oidc=bool(service.settings.console.oidc_issuer),
    )  # fmt: skip
