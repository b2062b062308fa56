import threading
import time

from sqlalchemy import select

from softfall.messaging.envelope import MAILBOX
from softfall.provider.tables import envelopes, payloads

from .conftest import House, Open


def test_who_waits_is_woken_by_the_next_message(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    found: list[object] = []
    waiting = threading.Thread(target=lambda: found.extend(ben.mailbox(wait_seconds=30)))
    waiting.start()
    while not house.service.bell._waiting:
        time.sleep(0.01)
    begun = time.monotonic()
    house.send(ada, ada.text("ben"))
    waiting.join()
    assert len(found) == 1
    # Not a speed test: unwoken, it would have looked again only after ten seconds.
    assert time.monotonic() - begun < 9
    assert not house.service.bell._waiting


def test_who_waits_in_vain_gets_an_empty_mailbox(house: House) -> None:
    ben = house.join("ben")
    assert ben.mailbox(wait_seconds=0.05) == []


def test_the_mailbox_comes_in_order_and_from_where_one_left_off(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    for number in range(5):
        house.send(ada, ada.text("ben", conversation=f"c{number}"))
    assert [d["receipt"]["conversation"] for d in ben.mailbox()] == [f"c{n}" for n in range(5)]
    assert [d["sequence"] for d in ben.mailbox(after=3)] == [4, 5]


def test_at_most_a_hundred_come_at_once(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    for _ in range(101):
        assert ada.post(ada.text("ben")).status_code == 202
    house.settle()
    assert len(ben.mailbox()) == 100
    assert [d["sequence"] for d in ben.mailbox(after=100)] == [101]


def test_what_all_have_acknowledged_is_emptied_and_its_file_deleted(open_house: Open) -> None:
    with open_house(option="none") as house:
        ada, ben, cy = house.join("ada"), house.join("ben"), house.join("cy")
        digest = ada.upload(b"sealed picture")
        none = {"option": "none", "epoch": 0, "body": b""}
        house.send(ada, ada.media("ben", "cy", attachment=digest, submission=none))
        path = f"/v1/attachments/{digest.hex()}"
        assert ben.call("GET", path).content == b"sealed picture"
        ben.ack(1)
        assert ben.mailbox() == []
        assert cy.call("GET", path).content == b"sealed picture"
        cy.ack(1)
        assert cy.call("GET", path).status_code == 404
        assert not house.service.attachments.files.has(digest)
        with house.service.db.read() as tx:
            assert list(tx.execute(select(payloads.c.body)).scalars()) == [None, None]
            assert tx.execute(select(envelopes.c.group_body)).scalar_one() is None
            assert tx.execute(select(envelopes.c.receipt)).scalar_one()


def test_acknowledging_ahead_of_time_or_again_is_harmless(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    ben.ack(2**63 - 1)
    house.send(ada, ada.text("ben"))
    assert len(ben.mailbox()) == 1
    for _ in range(2):
        ben.ack(1)
    assert ben.mailbox() == []


def test_nobody_acknowledges_for_another(house: House) -> None:
    ada, ben, cy = house.join("ada"), house.join("ben"), house.join("cy")
    house.send(ada, ada.text("ben", "cy"))
    cy.ack(1)
    assert len(ben.mailbox()) == 1


def test_a_mailbox_of_the_largest_messages_fits_its_format(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    big = [{"recipient": "ben", "kind": 1, "body": bytes(230_000)}]
    for _ in range(3):
        house.send(ada, ada.text(payloads=big, group_body=bytes(230_000)))
    answer = ben.call("GET", "/v1/mailbox")
    largest = len(answer.content) / 3
    assert largest * 100 < MAILBOX.max_bytes
