"""Until a person has decided, a sender's device sees the very same, held or delivered."""

import hashlib
from typing import Any

from .cast import LISTED, UNLISTED, App
from .conftest import House
from .test_enacting import Street

IGNORED = {"x-request-id", "date"}


def all_that_a_device_sees(house: House, app: App, word: bytes, hours: float) -> list[Any]:
    """Every answer to what a sender's app asks while its picture is on its way, and after."""
    seen: list[Any] = []

    def ask(method: str, path: str, **more: Any) -> None:
        answer = app.call(method, path, **more)
        headers = {k: v for k, v in answer.headers.items() if k not in IGNORED}
        seen.append((method, path, answer.status_code, headers, answer.content))

    file = b"the same bytes for both"
    digest = hashlib.sha256(file).digest()
    ask("PUT", f"/v1/attachments/{digest.hex()}", content=file)
    body = app.media(
        f"ben-{word.decode()}",
        word=word,
        attachment=digest,
        envelope_id=bytes(range(16)),
        commitment=bytes(32),
    )
    for _ in range(2):
        ask("POST", "/v1/envelopes", content=body)
    house.settle()
    for passed in (0.0, 1.0, hours):
        house.clock.pass_hours(passed)
        house.service.upkeep.round()
        ask("GET", "/v1/mailbox")
        ask("GET", "/v1/notices")
        ask("POST", "/v1/notices/ack", json={"through": 5})
        ask("POST", f"/v1/notices/{bytes(16).hex()}/appeal", json={"text": "why"})
        ask("POST", "/v1/envelopes", content=body)
        ask("GET", "/v1/keys/count")
        ask("GET", f"/v1/attachments/{digest.hex()}")
    return seen


def test_every_byte_is_the_same_for_held_and_for_delivered(house: House) -> None:
    held, delivered = (
        all_that_a_device_sees(house, house.join(f"ada-{word.decode()}"), word, hours=5.0)
        for word in (LISTED, UNLISTED)
        if house.join(f"ben-{word.decode()}")
    )
    assert len(house.holds()) == 1, "one of the two was held"
    assert held == delivered


def test_what_the_clock_releases_just_arrives(house: House) -> None:
    street = Street(house)
    street.held()
    house.clock.pass_hours(80)
    house.service.upkeep.round()
    assert len(street.ben.mailbox()) == 1
    for app in (street.ada, street.ben):
        answer = app.call("GET", "/v1/notices")
        assert answer.content == bytes([0x81, 0x80]), "an empty list of notices"
