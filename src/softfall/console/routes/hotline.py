"""A referral by e-mail, for the lead who must mend what stopped it, or takes it back.

Guarantees: nothing is sent from here; what its life does not allow is refused by name.
"""

from fastapi import APIRouter
from starlette.responses import Response

from softfall.casework.hotline.life import LIFE, MailEvent
from softfall.casework.hotline.outbox import MailStanding
from softfall.console import pages
from softfall.console.access import ConsoleNow, Lead
from softfall.console.work_page import CaseId, Text
from softfall.errors import InputError

router = APIRouter(tags=["pages"])

DEEDS = {MailEvent.WITHDRAW: "Take it back", MailEvent.BEGIN_AGAIN: "Begin again"}


class NotALettersDeed(InputError):
    """Something that no person does with a referral by e-mail; nothing was done."""

    remedy = "Take it back, or begin again, as the referral's page offers."


@router.post("/cases/{case_id}/hotline/{deed}", summary="What a person does about its e-mail")
def act(
    case_id: CaseId, deed: MailEvent, session: Lead, service: ConsoleNow, reason: Text
) -> Response:
    """Take it back, or begin again: what its life allows now."""
    doing = {
        MailEvent.WITHDRAW: service.hotline.withdraw,
        MailEvent.BEGIN_AGAIN: service.hotline.begin_again,
    }.get(deed)
    if doing is None:
        raise NotALettersDeed("this is nothing that a person does")
    doing(case_id, session.name, reason)
    return pages.redirect(f"/cases/{case_id}/referral")


def deeds_of(letter: MailStanding | None) -> list[tuple[MailEvent, str]]:
    """What a lead may do with it now, with the words for it."""
    if letter is None:
        return []
    allowed = {row.event for row in LIFE if row.start is letter.state}
    return [(event, label) for event, label in DEEDS.items() if event in allowed]
