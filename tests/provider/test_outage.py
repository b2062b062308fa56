import base64
import threading
from typing import Any

import httpx
import pytest

from softfall.options.tokens.device import Token
from softfall.provider import vouchers

from .cast import START_MS, WORD, App, Custodian
from .conftest import House, Open

TOKEN = Token(bytes(8), bytes(32), bytes(64))  # whether it is good, only the custodian can tell


def asking(epoch: int, option: str = "split") -> bytes:
    return TOKEN.ask(option, WORD.encode({"epoch": epoch, "word": b"ask?"}))


QUESTION = asking(1)
FAULTS: list[Exception | int] = [
    httpx.ConnectError("down"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("odd"),
    429, 500, 503,
]  # fmt: skip


def ask(app: App, body: bytes = QUESTION, option: str = "split") -> httpx.Response:
    return app.call("POST", f"/v1/options/{option}/ask", content=body)


def voucher(app: App) -> bytes:
    answer = ask(app)
    assert (answer.status_code, answer.json()["error"]) == (503, "CustodianUnavailable")
    return base64.b64decode(answer.json()["voucher"])


def with_voucher(app: App, body: bytes, to: str = "ben", **changes: Any) -> bytes:
    submission = {"option": "outage", "epoch": 1, "body": body}
    return app.media(to, submission=submission, **changes)


def refused(app: App, body: bytes) -> tuple[int, str]:
    answer = app.post(body)
    return answer.status_code, answer.json()["error"]


def test_a_question_is_relayed_as_it_is_and_says_nothing_of_who_asks(house: House) -> None:
    ada = house.join("ada")
    house.custodian.answer = WORD.encode({"epoch": 1, "word": b"said"})
    house.custodian.asked.clear()
    answer = ada.call(
        "POST", "/v1/options/split/ask", content=QUESTION, params={"from": "ada"}
    )  # and more headers than a question needs
    assert (answer.status_code, answer.content) == (200, house.custodian.answer)
    assert answer.headers["content-type"] == "application/cbor"
    asked = [r for r in house.custodian.asked if r.method == "POST"]
    assert [(r.url.path, r.content) for r in asked] == [("/v1/options/split/answer", QUESTION)]
    assert str(asked[0].url) == "https://custodian/v1/options/split/answer"
    assert set(asked[0].headers) == {
        "host", "accept", "accept-encoding", "connection", "user-agent", "content-type",
        "content-length",
    }  # fmt: skip
    assert b"ada" not in b"".join(v for _, v in asked[0].headers.raw)
    assert ada.token.encode() not in b"".join(v for _, v in asked[0].headers.raw)


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_while_the_custodian_is_away_there_is_a_voucher_and_the_rule_applies(
    house: House, fault: Exception | int
) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    house.custodian.fault = fault
    house.send(ada, with_voucher(ada, voucher(ada)))
    house.send(ada, ada.text("ben"))  # text flows
    (delivery,) = ben.mailbox()
    assert delivery["receipt"]["option"] == ""
    (hold,) = house.holds()
    assert (hold["kind"], hold["reason"]) == ("outage", "the custodian was out of reach")


def test_where_the_rule_is_to_deliver_the_recipient_sees_that_nothing_was_checked(
    open_house: Open,
) -> None:
    custodian = Custodian()
    custodian.publish(1)
    with open_house(custodian, custodian_outage_rule="deliver") as house:
        ada, ben = house.join("ada"), house.join("ben")
        custodian.fault = 503
        house.send(ada, with_voucher(ada, voucher(ada)))
        (delivery,) = ben.mailbox()
        assert delivery["receipt"]["option"] == "outage"


def test_an_answer_that_is_not_the_options_own_is_not_passed_on(house: House) -> None:
    ada = house.join("ada")
    for junk in (b"<html>", b"", bytes(10_000)):
        house.custodian.answer = junk or b"\x00"
        assert ask(ada).json()["error"] == "CustodianUnavailable"


@pytest.mark.parametrize("status", [400, 404, 409, 410, 422])
def test_a_question_that_the_custodian_refuses_earns_no_voucher(house: House, status: int) -> None:
    ada = house.join("ada")
    house.custodian.fault = status
    answer = ask(ada)
    assert (answer.status_code, answer.json()["error"]) == (400, "QuestionRefused")
    assert "MalformedMessage" in answer.json()["what"]
    assert "voucher" not in answer.json()


def test_a_question_in_another_form_is_not_relayed(house: House) -> None:
    ada = house.join("ada")
    house.custodian.asked.clear()
    assert ask(ada, b"junk").json()["error"] == "MalformedMessage"
    assert ask(ada, TOKEN.ask("split", b"junk")).json()["error"] == "MalformedMessage"
    wrong = asking(2)
    assert (ask(ada, wrong).status_code, ask(ada, wrong).json()["error"]) == (409, "WrongEpoch")
    assert ask(ada, option="enclave").json()["error"] == "OptionNotOffered"
    assert ask(ada, asking(1, "enclave")).json()["error"] == "OptionNotOffered"
    assert [r for r in house.custodian.asked if r.method == "POST"] == []


def test_where_nothing_is_matched_there_is_nobody_to_ask(open_house: Open) -> None:
    with open_house(option="none") as house:
        assert ask(house.join("ada")).json()["error"] == "OptionNotOffered"


def test_before_there_is_a_list_there_are_vouchers_even_for_an_empty_question(
    open_house: Open,
) -> None:
    with open_house(Custodian()) as house:
        ada = house.join("ada")
        answer = ask(ada, b"")
        assert answer.json()["error"] == "CustodianUnavailable"
        assert base64.b64decode(answer.json()["voucher"])


def test_a_voucher_is_good_once_for_one_account_and_not_for_long(house: House) -> None:
    ada, eve, ben = house.join("ada"), house.join("eve"), house.join("ben")
    house.custodian.fault = 503
    given = voucher(ada)
    assert refused(eve, with_voucher(eve, given)) == (403, "VoucherRefused")
    house.send(ada, with_voucher(ada, given))
    assert refused(ada, with_voucher(ada, given)) == (403, "VoucherRefused")
    late = voucher(ada)
    house.clock.now_ms += vouchers.LIFETIME_MS + 1
    assert refused(ada, with_voucher(ada, late)) == (403, "VoucherRefused")
    assert len(house.holds()) == 1
    assert ben.mailbox() == []


def test_a_voucher_refused_for_something_else_is_not_used_up(house: House) -> None:
    ada, _ = house.join("ada"), house.join("ben")
    house.custodian.fault = 503
    given = voucher(ada)
    assert refused(ada, with_voucher(ada, given, to="nobody")) == (404, "UnknownRecipient")
    house.send(ada, with_voucher(ada, given))


def test_the_same_envelope_sent_again_does_not_use_its_voucher_twice(house: House) -> None:
    ada, _ = house.join("ada"), house.join("ben")
    house.custodian.fault = 503
    body = with_voucher(ada, voucher(ada))
    for _ in range(3):
        house.send(ada, body)
    assert len(house.holds()) == 1


@pytest.mark.parametrize("place", [1, 18, 26, 40, 60])
def test_an_altered_voucher_is_refused(house: House, place: int) -> None:
    ada, _ = house.join("ada"), house.join("ben")
    house.custodian.fault = 503
    forged = bytearray(voucher(ada))
    forged[min(place, len(forged) - 1)] ^= 1
    assert refused(ada, with_voucher(ada, bytes(forged))) == (403, "VoucherRefused")


def test_one_voucher_claimed_by_many_at_once_is_good_for_one(house: House) -> None:
    ada, _ = house.join("ada"), house.join("ben")
    house.custodian.fault = 503
    given = voucher(ada)
    bodies = [with_voucher(ada, given) for _ in range(6)]
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda body=body: codes.append(ada.post(body).status_code))
        for body in bodies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [202] + [403] * 5


def test_old_vouchers_are_forgotten_only_when_they_can_not_come_back(house: House) -> None:
    ada, _ = house.join("ada"), house.join("ben")
    house.custodian.fault = 503
    given = voucher(ada)
    house.clock.now_ms = START_MS + vouchers.LIFETIME_MS
    house.send(ada, with_voucher(ada, given))
    house.service.upkeep.round()
    assert refused(ada, with_voucher(ada, given)) == (403, "VoucherRefused")


def test_a_custodian_that_hangs_holds_up_nobody_but_who_asked(open_house: Open) -> None:
    custodian = Custodian()
    custodian.publish(1)
    with open_house(custodian, custodian_timeout_seconds=1.0) as house:
        ada, ben = house.join("ada"), house.join("ben")
        custodian.hang_seconds = 600
        answers: list[httpx.Response] = []
        asking = [threading.Thread(target=lambda: answers.append(ask(ada))) for _ in range(60)]
        for thread in asking:
            thread.start()
        house.send(ada, ada.text("ben"))
        assert len(ben.mailbox()) == 1
        assert len(answers) < 60  # some still wait while text flows
        for thread in asking:
            thread.join()
        assert {answer.json()["error"] for answer in answers} == {"CustodianUnavailable"}
        assert "too slow" in {answer.json()["what"].rpartition(": ")[2] for answer in answers}
