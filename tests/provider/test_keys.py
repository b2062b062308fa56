from concurrent.futures import ThreadPoolExecutor

from softfall.provider import keys
from softfall.provider.keys import MAX_KEYS

from .cast import START_MS, App, Identity
from .conftest import House


def publish(app: App, *names: str, fallback: str | None = None) -> tuple[int, dict[str, object]]:
    body: dict[str, object] = {"one_time_keys": [app.identity.one_time_key(n) for n in names]}
    if fallback:
        body["fallback_key"] = app.identity.one_time_key(fallback)
    answer = app.call("PUT", "/v1/keys", json=body)
    return answer.status_code, answer.json()


def claim(app: App, name: str) -> str:
    answer = app.call("POST", "/v1/keys/claim", json={"account": name})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["one_time_key"]["key_id"])


def test_a_claimed_key_comes_with_everything_its_claimer_can_check(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    publish(ada, "k1")
    answer = ben.call("POST", "/v1/keys/claim", json={"account": "ada"}).json()
    registration = ada.identity.registration()
    assert answer == {
        "account": "ada",
        "curve25519": registration["curve25519"],
        "ed25519": registration["ed25519"],
        "account_signature": registration["signature"],
        "one_time_key": ada.identity.one_time_key("k1"),
    }


def test_an_identity_can_be_read_without_using_a_key_up(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    publish(ada, "k1")
    told = ben.call("POST", "/v1/keys/identity", json={"account": "ada"}).json()
    registration = ada.identity.registration()
    assert told.pop("account_signature") == registration.pop("signature")
    assert told == registration
    assert ada.call("GET", "/v1/keys/count").json() == {"one_time_keys": 1}
    answer = ben.call("POST", "/v1/keys/identity", json={"account": "nobody"})
    assert (answer.status_code, answer.json()["error"]) == (404, "UnknownAccount")


def test_many_who_claim_at_once_never_get_the_same_key(house: House) -> None:
    ada = house.join("ada")
    published = [f"k{i}" for i in range(40)]
    publish(ada, *published)
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: keys.claim(house.service.db, "ada", START_MS), range(40)))
    assert sorted(c.one_time_key.key_id for c in claimed) == sorted(published)


def test_when_they_run_out_the_fallback_is_given_again_and_again(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    publish(ada, "k1", fallback="f1")
    assert [claim(ben, "ada") for _ in range(3)] == ["k1", "f1", "f1"]
    publish(ada, fallback="f2")
    assert claim(ben, "ada") == "f2"


def test_a_claimed_key_published_again_is_not_given_out_again(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    publish(ada, "k1", fallback="f")
    assert claim(ben, "ada") == "k1"
    assert publish(ada, "k1", "k2") == (200, {"one_time_keys": 1})
    assert [claim(ben, "ada") for _ in range(2)] == ["k2", "f"]


def test_without_any_key_it_says_so(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    answer = ben.call("POST", "/v1/keys/claim", json={"account": ada.name})
    assert (answer.status_code, answer.json()["error"]) == (409, "NoKeysLeft")
    answer = ben.call("POST", "/v1/keys/claim", json={"account": "nobody"})
    assert (answer.status_code, answer.json()["error"]) == (404, "UnknownAccount")


def test_a_key_that_somebody_else_signed_is_refused_with_all_that_came_along(house: House) -> None:
    ada = house.join("ada")
    good, bad = ada.identity.one_time_key("k1"), Identity("ada").one_time_key("k2")
    answer = ada.call("PUT", "/v1/keys", json={"one_time_keys": [good, bad]})
    assert (answer.status_code, answer.json()["error"]) == (403, "KeySignatureBroken")
    assert ada.call("GET", "/v1/keys/count").json() == {"one_time_keys": 0}


def test_another_key_under_an_id_in_use_is_refused(house: House) -> None:
    ada = house.join("ada")
    publish(ada, "k1")
    key = Identity("x").one_time_key("other")["key"]
    signature = ada.identity.sign(f"softfall one-time key v1|ada|k1|{key}")
    other = {"key_id": "k1", "key": key, "signature": signature}
    answer = ada.call("PUT", "/v1/keys", json={"one_time_keys": [other]})
    assert (answer.status_code, answer.json()["error"]) == (409, "KeyIdReused")


def test_no_account_publishes_without_end(house: House) -> None:
    ada = house.join("ada")
    assert publish(ada, *(f"k{i}" for i in range(MAX_KEYS)))[0] == 200
    status, told = publish(ada, "one more")
    assert (status, told["error"]) == (409, "TooManyKeys")
    assert ada.call("GET", "/v1/keys/count").json() == {"one_time_keys": MAX_KEYS}
