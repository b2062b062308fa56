"""The provider over HTTPS: errors by name, bounded sizes, what is repeated and what is not."""

import json

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.device import https
from softfall.device.https import HttpTransport
from softfall.device.transport import (
    AccusedByService,
    BadServiceAddress,
    BadServiceReply,
    CustodianAway,
    Published,
    RefusedByService,
    RequestRejected,
    SaidByService,
    ServiceUnreachable,
)
from softfall.edge.tls import init_tls
from softfall.errors import SoftfallError
from softfall.messaging.identity import Identity


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    init_tls(folder)
    return (folder / "ca.crt").read_text()


class Wire:
    """Answers given beforehand, in order; the last one again and again."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.Response(status, stream=httpx.ByteStream(raw))


def speak(authority: str, *answers) -> tuple[HttpTransport, Wire]:
    wire = Wire(*answers)
    transport = HttpTransport(
        "https://provider.example", authority, "token", sleep_seconds=lambda _: None
    )
    transport._client = httpx.Client(
        base_url="https://provider.example", transport=httpx.MockTransport(wire)
    )
    return transport, wire


def said(name: str, blame: str, **more: object) -> dict[str, object]:
    return {"error": name, "blame": blame, "what": "what", "remedy": "remedy", **more}


@pytest.mark.parametrize(
    ("status", "blame", "kind"),
    [
        (400, "caller", RequestRejected),
        (404, "caller", RequestRejected),
        (403, "peer", AccusedByService),
        (409, "rule", RefusedByService),
    ],
)
def test_named_errors_arrive_by_their_names_and_are_not_repeated(authority, status, blame, kind):
    transport, wire = speak(authority, (status, said("EnvelopeIdReused", blame)))
    with pytest.raises(kind) as caught:
        transport.post_envelope(b"x")
    assert caught.value.name == "EnvelopeIdReused"
    assert caught.value.what == "what (remedy)"
    assert len(wire.asked) == 1
    assert wire.asked[0].headers["authorization"] == "Bearer token"


@pytest.mark.parametrize("name", ["", "x" * 60, "Drop Table", "<b>", "lower"])
def test_a_name_that_is_none_is_not_passed_on(authority, name):
    transport, _ = speak(authority, (400, said(name, "caller")))
    with pytest.raises(RequestRejected) as caught:
        transport.post_envelope(b"x")
    assert caught.value.name == "RequestRejected"


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ConnectError("no"),
        httpx.ReadTimeout("slow"),
        (503, b"busy"),
        (503, said("StoreBusy", "network")),
        (429, said("RateLimited", "rule")),
        (500, said("InternalError", "operator")),
        (507, said("StorageFull", "network")),
    ],
)
def test_what_time_may_mend_is_tried_again_and_then_unreachable(authority, fault):
    transport, wire = speak(authority, fault)
    with pytest.raises(ServiceUnreachable):
        transport.post_envelope(b"x")
    assert len(wire.asked) == 3
    transport, wire = speak(authority, fault, (202, {"accepted": True}))
    transport.post_envelope(b"x")
    assert len(wire.asked) == 2
    assert wire.asked[0].content == wire.asked[1].content


def test_claims_are_never_repeated(authority):
    transport, wire = speak(authority, httpx.ReadTimeout("slow"))
    with pytest.raises(ServiceUnreachable):
        transport.claim("ben")
    assert len(wire.asked) == 1


def test_a_custodian_that_is_away_comes_with_a_voucher(authority):
    away = said("CustodianUnavailable", "network", voucher="dm91Y2hlcg==")
    transport, wire = speak(authority, (503, away))
    with pytest.raises(CustodianAway) as caught:
        transport.ask("split", b"question")
    assert caught.value.voucher == b"voucher"
    assert len(wire.asked) == 1


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"token": 5}', b"\xff", b'{"token": "no"}'])
def test_an_answer_of_another_form_is_refused_by_name(authority, body):
    transport, _ = speak(authority, (201, body))
    with pytest.raises(BadServiceReply):
        transport.register(Published(Identity("a", "b", "c"), "d"), "token", "")


def test_an_answer_without_end_is_refused_by_name(authority, monkeypatch):
    monkeypatch.setattr(https, "MAX_ATTACHMENT_BYTES", 10)
    transport, _ = speak(authority, (200, bytes(11)))
    with pytest.raises(BadServiceReply):
        transport.get_attachment(bytes(32))


def test_only_https_and_a_real_authority_are_taken(authority):
    with pytest.raises(BadServiceAddress):
        HttpTransport("http://provider.example", authority)
    with pytest.raises(BadServiceAddress):
        HttpTransport("https://provider.example", "no certificate")


@settings(max_examples=120, deadline=None)
@given(st.integers(100, 599), st.binary(max_size=60) | st.from_type(dict).map(repr).map(str.encode))
def test_whatever_an_error_answer_holds_a_named_error_comes_of_it(status, body):
    error = https._error(status, body)
    assert isinstance(error, SoftfallError)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@settings(max_examples=120, deadline=None)
@given(
    st.integers(400, 599),
    st.fixed_dictionaries(
        {"error": JSON, "blame": JSON, "what": JSON, "remedy": JSON, "voucher": JSON}
    ),
)
def test_whatever_an_error_s_fields_hold_a_named_error_comes_of_it(status, told):
    error = https._error(status, json.dumps(told).encode())
    assert isinstance(error, (SaidByService, SoftfallError))
    assert error.name


class Lists:
    """Serves one file of a list as a provider would, or as badly as it is told to."""

    body = bytes(range(256)) * 40

    def __init__(self, **how) -> None:
        self.honour_ranges = how.get("honour_ranges", True)
        self.status = how.get("status")
        self.shift = how.get("shift", 0)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.status:
            told = {"error": "ListFileMissing", "blame": "caller", "what": "none", "remedy": "-"}
            body = httpx.ByteStream(json.dumps(told).encode())
            return httpx.Response(self.status, stream=body)
        asked = request.headers.get("range", "")
        if not asked or not self.honour_ranges:
            return httpx.Response(200, stream=httpx.ByteStream(self.body))
        start = int(asked.removeprefix("bytes=").rstrip("-")) + self.shift
        told = {"content-range": f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"}
        return httpx.Response(206, headers=told, stream=httpx.ByteStream(self.body[start:]))


def fetch_list(authority: str, lists: Lists, start: int) -> bytes:
    transport, _ = speak(authority)
    transport._client = httpx.Client(
        base_url="https://provider.example", transport=httpx.MockTransport(lists)
    )
    return b"".join(transport.get_list("targets/x", start))


@pytest.mark.parametrize("honour_ranges", [True, False])
@pytest.mark.parametrize("start", [0, 1, 5000, len(Lists.body) - 1])
def test_a_file_of_the_list_comes_from_the_byte_that_was_asked_for(authority, start, honour_ranges):
    lists = Lists(honour_ranges=honour_ranges)
    assert fetch_list(authority, lists, start) == Lists.body[start:]
    (asked,) = lists.asked
    assert asked.url.path == "/v1/lists/targets/x"
    assert asked.headers["authorization"] == "Bearer token"
    assert asked.headers.get("range") == (f"bytes={start}-" if start else None)


def test_another_range_than_the_one_asked_for_is_not_used(authority):
    with pytest.raises(BadServiceReply):
        fetch_list(authority, Lists(shift=7), 100)


def test_a_file_that_is_not_there_is_told_by_its_name(authority):
    with pytest.raises(RequestRejected) as caught:
        fetch_list(authority, Lists(status=404), 0)
    assert caught.value.name == "ListFileMissing"
    with pytest.raises(ServiceUnreachable):
        fetch_list(authority, Lists(status=429), 0)
