import secrets

import pytest
from sqlalchemy import select

from softfall.provider.service import REGISTRATIONS_PER_MINUTE
from softfall.provider.tables import accounts

from .cast import Identity
from .conftest import House, Open


def refusal(house: House, registration: dict[str, str]) -> tuple[int, str]:
    answer = house.http.post("/v1/accounts", json=registration)
    return answer.status_code, answer.json()["error"]


def test_a_token_opens_its_own_account_and_only_its_digest_is_kept(house: House) -> None:
    ada = house.join("ada")
    assert ada.call("GET", "/v1/keys/count").json() == {"one_time_keys": 0}
    with house.service.db.read() as tx:
        (row,) = tx.execute(select(accounts)).all()
    assert ada.token.encode() not in b"|".join(str(value).encode() for value in row)
    assert len(row.token_sha256) == 32


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic YWRhOmFkYQ==", "Bearer wröng"],
)
def test_without_a_good_token_nothing_is_told(house: House, header: str | None) -> None:
    house.join("ada")
    headers = {} if header is None else {"authorization": header.encode("latin-1")}
    answer = house.http.get("/v1/mailbox", headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["error"]) == (401, "NotAuthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_name_belongs_to_the_first_who_registers_it(house: House) -> None:
    house.join("ada")
    assert refusal(house, Identity("ada").registration()) == (409, "AccountTaken")


def test_a_device_that_missed_the_answer_registers_again_with_its_own_token(house: House) -> None:
    identity, token = Identity("ada"), "t" * 43
    registration = {**identity.registration(), "token": token}
    for _ in range(2):
        answer = house.http.post("/v1/accounts", json=registration)
        assert (answer.status_code, answer.json()) == (201, {"token": token})
    assert refusal(house, {**registration, "token": "u" * 43}) == (409, "AccountTaken")
    assert refusal(house, {**Identity("ada").registration(), "token": token})[0] == 409
    assert refusal(house, {**Identity("ben").registration(), "token": token})[0] == 409
    assert refusal(house, {**registration, "token": "short"}) == (422, "InvalidRequest")


@pytest.mark.parametrize("name", ["a|b", "a b", "ä", "a\n", "a/../b\x00"])
def test_a_name_that_could_be_misread_is_refused(house: House, name: str) -> None:
    assert refusal(house, Identity(name).registration()) == (400, "BadAccountName")


@pytest.mark.parametrize("part", ["curve25519", "ed25519", "signature"])
@pytest.mark.parametrize("change", ["other", "padded", "short", "junk"])
def test_keys_that_their_owner_did_not_sign_are_refused(
    house: House, part: str, change: str
) -> None:
    registration = Identity("ada").registration()
    registration[part] = {
        "other": Identity("ada").registration()[part],
        "padded": registration[part] + "=",
        "short": registration[part][:-4],
        "junk": "not base64 ?!",
    }[change]
    assert refusal(house, registration) == (403, "KeySignatureBroken")


def test_where_registration_is_closed_the_token_opens_it(open_house: Open) -> None:
    with open_house(option="none", registration_token="let me in") as house:
        registration = Identity("ada").registration()
        assert refusal(house, registration) == (403, "RegistrationClosed")
        wrong = {**registration, "registration_token": "let me on"}
        assert refusal(house, wrong) == (403, "RegistrationClosed")
        right = {**registration, "registration_token": "let me in"}
        assert house.http.post("/v1/accounts", json=right).status_code == 201


def test_one_address_can_not_register_without_end(house: House) -> None:
    answers = [
        house.http.post("/v1/accounts", json={**Identity("x").registration(), "account": "a b"})
        for _ in range(REGISTRATIONS_PER_MINUTE + 5)  # the sliding window counts roughly
    ]
    assert answers[0].status_code == 400
    assert answers[-1].json()["error"] == "RateLimited"
    assert int(answers[-1].headers["retry-after"]) > 0


def test_made_up_tokens_get_nobody_a_limit_of_their_own(open_house: Open) -> None:
    with open_house(option="none", requests_per_minute=20) as house:
        ada = house.join("ada")
        ada.call("GET", "/v1/keys/count")  # known from here on
        codes = {
            house.http.get(
                "/v1/mailbox", headers={"authorization": f"Bearer made-up-{i}"}
            ).status_code
            for i in range(40)
        }
        assert codes == {401, 429}
        assert ada.call("GET", "/v1/keys/count").status_code == 200


def test_who_chose_the_token_may_ask_again_and_nobody_else(house: House) -> None:
    asked = Identity("twice").registration()
    token, other = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    for _ in range(2):
        answer = house.http.post("/v1/accounts", json={**asked, "token": token})
        assert (answer.status_code, answer.json()) == (201, {"token": token})
    # The signature is public: whoever replays it with a token of their own gets nothing.
    for replay in ({**asked, "token": other}, asked):
        refused = house.http.post("/v1/accounts", json=replay)
        assert (refused.status_code, refused.json()["error"]) == (409, "AccountTaken")
    second = Identity("second").registration()
    refused = house.http.post("/v1/accounts", json={**second, "token": token})
    assert refused.json()["error"] == "AccountTaken"
    rekeyed = Identity("twice").registration()
    refused = house.http.post("/v1/accounts", json={**rekeyed, "token": token})
    assert refused.json()["error"] == "AccountTaken"


def test_a_token_too_short_to_be_secret_is_refused(house: House) -> None:
    asked = Identity("short").registration()
    assert house.http.post("/v1/accounts", json={**asked, "token": "a" * 42}).status_code == 422


def test_an_identity_is_looked_up_without_using_up_a_key(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    ben.call("PUT", "/v1/keys", json={"one_time_keys": [ben.identity.one_time_key("1")]})
    told = ada.call("POST", "/v1/keys/identity", json={"account": "ben"}).json()
    assert (told["account"], told["ed25519"]) == ("ben", ben.identity.ed25519)
    assert ben.call("GET", "/v1/keys/count").json() == {"one_time_keys": 1}
    missing = ada.call("POST", "/v1/keys/identity", json={"account": "nobody"})
    assert (missing.status_code, missing.json()["error"]) == (404, "UnknownAccount")
