"""A console with a morning's work in it, for looking at every page: nothing on it is real."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from softfall.casework import shifts
from softfall.casework.cases import find
from softfall.casework.decisions import Ruling
from softfall.casework.evidence import legal_hold
from softfall.casework.evidence.views import Asked
from softfall.casework.incoming import AppealMade, HashFacts, Incoming
from softfall.casework.model import Outcome, Role, Source
from softfall.casework.referral.client import Client
from softfall.casework.referral.evidence_casefile import EvidenceCaseFile
from softfall.casework.referral.facts import Edits
from softfall.casework.referral.sending import Sender
from softfall.casework.rights import StaffRef
from softfall.console.service import ConsoleService
from softfall.media.rendered import WHOLE

from .office import (
    CERTIFIERS,
    HOUR_MS,
    Office,
    closing_process,
    harmless_jpeg,
    held,
    now_ms,
    reported,
)

ORDER = "order 12 of the county court, 20 November"
MO, LEE, LOU = (
    StaffRef("mo", Role.MODERATOR),
    StaffRef("lee", Role.LEAD),
    StaffRef("lou", Role.LEAD),
)


class Clock:
    """The machine's clock, some hours back at first."""

    def __init__(self, hours_back: float) -> None:
        self.back_ms = round(hours_back * HOUR_MS)

    def __call__(self) -> int:
        return now_ms() - self.back_ms

    def pass_hours(self, hours: float) -> None:
        self.back_ms -= round(hours * HOUR_MS)


@dataclass(frozen=True, slots=True)
class Filled:
    """The console, and its cases by what they are good for."""

    office: Office
    service: ConsoleService
    clock: Clock
    cases: dict[str, str]

    def evidence(self, case: str) -> list[int]:
        seen = self.service.desk.case(self.cases[case], LEE)
        return [piece.evidence_id for piece in seen.evidence]


@contextmanager
def filled_office(folder: Path) -> Iterator[Filled]:
    """Cases in every state, two people at work, one referral sent to a local authority."""
    log = folder / "authority.log"
    with closing_process(log, "simulator", "cybertipline", "--port=0") as authority:
        yield from _filled(folder, authority.url)


def _filled(folder: Path, authority_url: str) -> Iterator[Filled]:
    office = Office(
        folder,
        {
            "casework": {
                "legal_hold_setters": "lee",
                "staff_help": "The people desk is on extension 410, day and night; the talks "
                "there are nobody else's business.",
            },
            "referral": {
                "cybertipline_url": authority_url,
                "cybertipline_username": "softfall",
                "cybertipline_password": "local authority",
                "esp_name": "Lantern Chat",
                "reporter_first_name": "Robin",
                "reporter_last_name": "Reed",
                "reporter_email": "safety@lantern.example",
            },
        },
    )
    office.add_staff()
    clock = Clock(9)
    with office.served_here(clock) as app:
        service: ConsoleService = app.state.service
        made = Filled(office, service, clock, {})
        _come_in(made)
        _work(made)
        yield made


def _come_in(made: Filled) -> None:
    office, cases, clock = made.office, made.cases, made.clock
    picture = harmless_jpeg()
    digest = hashlib.sha256(picture).hexdigest()

    def at(incoming: Incoming) -> Incoming:
        return incoming.model_copy(update={"arrived_at_ms": clock()})

    cases["decided"] = office.hand_in(at(held(office, "pat")))
    cases["proposed"] = office.hand_in(at(held(office, "jo")))
    cases["referred"] = office.hand_in(
        at(reported(office, "lin", "Where do you live?", "Do not tell anybody that I asked."))
    )
    clock.pass_hours(2)
    cases["known"] = office.hand_in(at(held(office, "sam")))
    cases["unsure"] = office.hand_in(at(held(office, "kim", confirmed=False, kind="candidate")))
    cases["own"] = office.hand_in(
        at(reported(office, "noa", "You said I could show it.", reason="harassment"))
    )
    clock.pass_hours(1.5)
    cases["picture"] = office.hand_in(
        at(reported(office, "max", "Look at this.", picture=picture, reason="threat")),
        {digest: picture},
    )
    cases["spam"] = office.hand_in(
        at(reported(office, "deals", "Buy now!", reason="spam", reporter=None))
    )
    cases["public"] = office.hand_in(
        Incoming(
            reference=office.reference("surface"),
            source=Source.SURFACE,
            subject="elm-street",
            reason="a group's name is on the platform's list of words",
            kind="group name",
            arrived_at_ms=clock(),
            text="Night Owls of Elm Street",
        )
    )
    clock.pass_hours(2)
    cases["escalated"] = office.hand_in(
        at(held(office, "ray", certifiers=CERTIFIERS[:1], escalated=True))
    )
    cases["at risk"] = office.hand_in(
        at(
            reported(
                office,
                "vic",
                "Are you at home now?",
                "I am at the school gate. Tell nobody.",
                child_at_risk_now=True,
            )
        )
    )
    facts = HashFacts(option="split", epoch=7, confirmed=True, label="harmless photograph",
                      sources=CERTIFIERS[:1], certifiers=CERTIFIERS)  # fmt: skip
    office.hand_in(
        Incoming(
            reference=office.reference("blocked"),
            source=Source.BLOCKED,
            subject="sam",
            reason="a confirmed match, before it was sent",
            arrived_at_ms=clock(),
            facts=facts,
        )
    )


def _work(made: Filled) -> None:
    desk, cases, clock, service = made.service.desk, made.cases, made.clock, made.service
    for name, person in (("decided", MO), ("proposed", MO), ("own", MO), ("referred", MO)):
        desk.take(cases[name], person)
    known = "a confirmed match, certified by two organisations"
    desk.decide(cases["decided"], MO, Ruling(Outcome.BLOCK, known, "known-material"))
    desk.decide(cases["proposed"], MO, Ruling(Outcome.REFER, known, "known-material"))
    desk.mark_own_picture(cases["own"], MO, True, "both are in the same class, and say so")
    clock.pass_hours(0.5)
    desk.appeal_made(
        "provider",
        AppealMade(
            reference="appeal:1",
            case_id=cases["decided"],
            account="pat",
            text="It is my own photograph of a rocket on show.",
            at_ms=clock(),
        ),
    )
    _refer(made)
    clock.pass_hours(2.9)
    with service.db.write() as tx:
        legal_hold.place(
            tx, find(tx, cases["at risk"]).row, "lee", ORDER, False,
            service.settings.casework, clock(),
        )  # fmt: skip


def _refer(made: Filled) -> None:
    """One referral from the first word to the authority's number."""
    service, case_id = made.service, made.cases["referred"]
    with service.db.write() as tx:
        shifts.start(tx, MO, service.settings.casework, made.clock())
        for number in made.evidence("referred"):
            asked = Asked(case_id, number, WHOLE, "what was reported decides this")
            service.views.open_view(tx, MO, asked, made.clock())
    edits = Edits(summary="An account pressed a child for an address, and for secrecy.")
    service.referrals.save_draft(case_id, "mo", edits, 0)
    ruling = Ruling(Outcome.REFER, "pressing for an address and for secrecy", "child-safety")
    service.desk.decide(case_id, MO, ruling)
    with service.db.write() as tx:
        shifts.start(tx, LOU, service.settings.casework, made.clock())
    digest = service.referrals.draft(case_id).digest
    service.desk.second_read(case_id, LOU, True, "the words bear it out", documents_digest=digest)
    casefile = EvidenceCaseFile(service.vault, second_reader=True)
    client = Client(service.settings.referral)
    sender = Sender(service.db, made.clock, client, casefile)
    while sender.run_once():
        pass
