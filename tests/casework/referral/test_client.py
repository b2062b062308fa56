"""The client: what it refuses to be configured as, and a name for whatever the network does."""

import base64
import socket
import threading

import httpx
import pytest

from softfall.casework.referral.client import AuthorityMisconfigured, Client, PlainHttpRefused
from softfall.casework.referral.life import Event
from softfall.testing.cybertipline import Authority, Fate, Fault
from softfall.testing.cybertipline_server import (
    AuthorityServer,
    SettableClock,
    SimulatorPortTaken,
)
from tests.casework.referral.town import SETTINGS, transport


@pytest.mark.parametrize(
    "url", ["http://authority.example", "http://10.0.0.1", "http://localhost", "http://127.0.0.2"]
)
def test_plain_http_goes_nowhere_but_to_this_machine(url: str) -> None:
    with pytest.raises(PlainHttpRefused):
        Client(SETTINGS.model_copy(update={"cybertipline_url": url}))


@pytest.mark.parametrize(
    "change",
    [
        {"cybertipline_url": ""},
        {"cybertipline_url": "ftp://authority.example"},
        {"cybertipline_url": "https://user:word@authority.example"},
        {"cybertipline_url": "https://"},
        {"cybertipline_username": ""},
        {"cybertipline_password": ""},
    ],
)
def test_an_address_or_a_login_that_makes_no_sense_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(AuthorityMisconfigured):
        Client(SETTINGS.model_copy(update=change))


def test_each_question_goes_where_the_interface_has_it_with_the_login() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        request.read()
        seen.append(request)
        return httpx.Response(302, headers={"Location": "https://elsewhere.example/"})

    settings = SETTINGS.model_copy(update={"cybertipline_url": "https://authority.example/base/"})
    with Client(settings, httpx.MockTransport(handle)) as client:
        replies = [
            client.status(),
            client.submit(b"<report/>"),
            client.upload(7, "evidence-1.png", b"bytes"),
            client.describe(b"<fileDetails/>"),
            client.finish(7),
            client.retract(7),
        ]
    assert [reply.outcome for reply in replies] == [Event.INVALID] * 6
    base = "https://authority.example/base/ispws"
    assert [(each.method, str(each.url)) for each in seen] == [
        ("GET", f"{base}/status"),
        *(("POST", f"{base}/{n}") for n in ("submit", "upload", "fileinfo", "finish", "retract")),
    ], "and no redirection is followed"
    login = base64.b64encode(b"softfall:local authority").decode()
    assert {each.headers["Authorization"] for each in seen} == {f"Basic {login}"}
    assert seen[1].headers["Content-Type"] == "text/xml; charset=utf-8"
    assert b'name="id"' in seen[2].content
    assert seen[4].content == b"id=7"


def test_nobody_listening_is_not_sent_and_a_cut_or_silent_line_is_uncertain() -> None:
    def outcome(url: str) -> Event:
        settings = SETTINGS.model_copy(update={"cybertipline_url": url, "timeout_seconds": 0.3})
        with Client(settings) as client:
            return client.submit(b"<report/>").outcome

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert outcome(f"http://127.0.0.1:{port}") is Event.UNCERTAIN, "silent for too long"
    assert outcome(f"http://127.0.0.1:{port}") is Event.NOT_SENT


def test_over_a_socket_a_drop_after_accept_is_uncertain_and_the_report_is_there() -> None:
    clock = SettableClock()
    authority = Authority(clock)
    server = AuthorityServer(authority, clock)
    thread = threading.Thread(target=server.run)
    thread.start()
    with pytest.raises(SimulatorPortTaken):
        AuthorityServer(authority, clock, int(server.url.rpartition(":")[2]))
    try:
        with Client(SETTINGS.model_copy(update={"cybertipline_url": server.url})) as client:
            assert client.status().outcome is Event.ACCEPTED
            body = b"<report><incidentSummary/></report>"
            assert client.submit(body).outcome is Event.INVALID
            authority.fail("/status", Fault.DROP_AFTER)
            assert client.status().outcome is Event.UNCERTAIN
            authority.fail("/status", Fault.SLOW)
            assert client.status().outcome is Event.ACCEPTED
            hasty = {"cybertipline_url": server.url, "timeout_seconds": 0.2}
            authority.fail("/status", Fault.SLOW)
            with Client(SETTINGS.model_copy(update=hasty)) as other:
                assert other.status().outcome is Event.UNCERTAIN
            wrong = SETTINGS.model_copy(
                update={"cybertipline_url": server.url, "cybertipline_password": "another"}
            )
            with Client(wrong) as stranger:
                assert stranger.status().outcome is Event.LOGIN_REFUSED
    finally:
        server.close()
        thread.join()


def test_the_local_authority_is_the_state_machine_that_the_interface_describes() -> None:
    clock = SettableClock()
    authority = Authority(clock)
    document = _document()
    with Client(SETTINGS, transport(authority)) as client:
        first = client.submit(document).report_id
        second = client.submit(document).report_id
        third = client.submit(document).report_id
        assert first
        assert second
        assert third
        assert client.upload(first, "a.png", b"").outcome is Event.INVALID
        assert client.upload(first, "a.png", b"bytes").outcome is Event.ACCEPTED
        assert client.finish(first).outcome is Event.ACCEPTED
        assert client.finish(first).outcome is Event.ALREADY_FINISHED
        assert client.upload(first, "b.png", b"bytes").outcome is Event.ALREADY_FINISHED
        assert client.retract(first).outcome is Event.ALREADY_FINISHED
        assert client.retract(second).outcome is Event.ACCEPTED
        assert client.retract(second).outcome is Event.RETRACTED
        assert client.finish(second).outcome is Event.RETRACTED
        clock.ahead_ms += 24 * 3_600_000 - 60_000
        assert client.upload(third, "c.png", b"bytes").outcome is Event.ACCEPTED
        clock.ahead_ms += 59 * 60_000
        assert client.retract(999).outcome is Event.GONE
        assert [each.fate for each in authority.reports()][2] is Fate.OPEN, "changed in time"
        clock.ahead_ms += 2 * 60_000
        assert client.finish(third).outcome is Event.GONE
    assert [each.fate for each in authority.reports()] == [
        Fate.FINISHED,
        Fate.RETRACTED,
        Fate.EXPIRED,
    ]


def _document() -> bytes:
    from softfall.casework.referral.compose import compose
    from softfall.casework.referral.facts import Edits
    from softfall.casework.referral.package import pack
    from tests.casework.referral.town import text_only

    facts = text_only()
    return pack(compose(facts, Edits(), SETTINGS), facts).report
