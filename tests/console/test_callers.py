from types import SimpleNamespace

from starlette.requests import HTTPConnection

from softfall.console import callers, cookies
from softfall.console.app import _key_of_request
from softfall.console.callers import Callers


def request(service: object, **headers: str) -> HTTPConnection:
    return HTTPConnection(
        {
            "type": "http",
            "app": SimpleNamespace(state=SimpleNamespace(service=service)),
            "client": ("192.0.2.1", 1),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )


def test_whoever_was_let_in_before_is_counted_by_name_and_strangers_by_address() -> None:
    known = Callers()
    known.saw("good", "staff mo")
    known.saw("tool's", "tool word-filter")
    service = SimpleNamespace(callers=known)
    assert _key_of_request(request(service, cookie=f"{cookies.SESSION}=good")) == "staff mo"
    assert _key_of_request(request(service, authorization="Bearer tool's")) == "tool word-filter"
    for stranger in (
        request(service),
        request(service, cookie=f"{cookies.SESSION}=made-up"),
        request(service, authorization="Bearer made-up"),
    ):
        assert _key_of_request(stranger) == "address 192.0.2.1"


def test_the_oldest_tokens_are_forgotten(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(callers, "REMEMBERED", 2)
    known = Callers()
    for token in ("a", "b", "c"):
        known.saw(token, token)
    assert [known.key_of(token) for token in ("a", "b", "c")] == [None, "b", "c"]
