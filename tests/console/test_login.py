import threading

import pytest
from sqlalchemy import select

from softfall.casework.model import Role
from softfall.console import cookies
from softfall.console.lockout import RULES, Rule, TooManyFailures
from softfall.console.login import LoginRefused
from softfall.console.passwords import Passwords, PasswordUnfit, owasp
from softfall.console.sessions import NotSignedIn, csrf_of
from softfall.console.tables import known_browsers, login_failures, staff, staff_sessions

from .house import PASSWORD, House, cheap

FREE = RULES["account"].free


def test_a_person_logs_in_and_out(either_house: House) -> None:
    house = either_house
    house.add("mo", Role.MODERATOR)
    browser = house.browser()
    assert browser.get("/").headers["location"] == "/login?next=/"
    answer = browser.post(
        "/login", {"name": " Mo ", "password": PASSWORD, "onward": "/settings"}, page="/login"
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings")
    assert "mo, moderator" in browser.get("/").text
    token = browser.http.cookies[cookies.SESSION]
    assert browser.post("/logout").headers["location"] == "/login?done=logged-out"
    with pytest.raises(NotSignedIn):
        house.service.sessions.find(token)
    assert browser.get("/").status_code == 303
    assert [line.who for line in house.lines("staff.logged_in")] == ["mo"]
    assert [line.who for line in house.lines("staff.logged_out")] == ["mo"]


def test_cookies_are_for_this_host_alone_and_never_for_scripts(house: House) -> None:
    house.add("mo", Role.MODERATOR)
    answer = house.browser().log_in("mo")
    set_cookies = answer.headers.get_list("set-cookie")
    assert len(set_cookies) == 3
    for cookie in set_cookies:
        assert cookie.startswith("__Host-")
        for part in ("HttpOnly", "Secure", "Path=/", "SameSite=strict"):
            assert part in cookie
        assert "Domain" not in cookie


def test_the_database_keeps_no_token_and_no_password(house: House) -> None:
    house.add("mo", Role.MODERATOR)
    browser = house.browser()
    browser.log_in("mo")
    with house.service.db.read() as tx:
        rows = [
            repr(row)
            for table in (staff, staff_sessions, known_browsers, login_failures)
            for row in tx.execute(select(table))
        ]
    everything = "\n".join(rows)
    for secret in (
        PASSWORD,
        browser.http.cookies[cookies.SESSION],
        browser.http.cookies[cookies.BROWSER],
        csrf_of(browser.http.cookies[cookies.SESSION]),
    ):
        assert secret not in everything
    assert "$argon2id$" in everything


def test_one_answer_for_an_unknown_name_a_wrong_password_and_a_disabled_account(
    house: House,
) -> None:
    house.add("mo", Role.MODERATOR)
    house.add("gone", Role.MODERATOR)
    house.service.office.disable("operator", "gone")
    house.service.office.add("operator", "elsewhere", Role.MODERATOR, None)
    told = set()
    for name, password in (
        ("mo", "wrong"),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
        ("elsewhere", ""),
    ):
        answer = house.browser().log_in(name, password)
        assert answer.status_code == 403
        told.add(answer.text.split("<form")[0])
    assert len(told) == 1
    assert {line.subject for line in house.lines("staff.login_failed")} == {
        "mo", "elsewhere", "unknown",
    }  # fmt: skip


def test_what_was_typed_for_an_unknown_name_is_kept_nowhere(house: House) -> None:
    house.browser().log_in("a-password-typed-as-name", "x")
    with house.service.db.read() as tx:
        rows = repr(tx.execute(select(login_failures)).all()) + repr(house.lines())
    assert "typed-as-name" not in rows
    assert "typed-as-name" not in house.log.getvalue()


def test_the_same_work_is_done_for_a_name_that_nobody_has(house: House) -> None:
    counted = []

    class Counting(Passwords):
        def fits(self, encoded: str | None, password: str) -> bool:
            counted.append(encoded is None)
            return super().fits(encoded, password)

    house.service.door._passwords = Counting(cheap())
    house.add("mo", Role.MODERATOR)
    for name in ("mo", "nobody"):
        house.browser().log_in(name, "wrong")
    assert counted == [False, True]


def test_an_account_is_locked_after_five_failures_and_the_lock_ends(either_house: House) -> None:
    house = either_house
    house.add("mo", Role.MODERATOR)
    for _ in range(FREE):
        assert house.browser().log_in("mo", "wrong").status_code == 403
    locked = house.browser().log_in("mo")
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= 60
    assert "try again in 1 min" in locked.text
    house.clock.pass_minutes(1.1)
    assert house.browser().log_in("mo").status_code == 303
    assert '"locked":true' in house.lines("staff.login_failed")[-1].details


def test_locks_grow_and_what_is_tried_meanwhile_does_not_prolong_them(house: House) -> None:
    house.add("mo", Role.MODERATOR)
    for _ in range(FREE - 1):
        house.browser().log_in("mo", "wrong")
    waits = []
    for _ in range(8):
        assert house.browser().log_in("mo", "wrong").status_code == 403
        first = house.browser().log_in("mo", "wrong")
        again = house.browser().log_in("mo", "wrong")
        assert first.headers["retry-after"] == again.headers["retry-after"]
        waits.append(int(first.headers["retry-after"]))
        house.clock.pass_minutes(waits[-1] / 60)
    assert waits[:5] == [60, 120, 240, 480, 960]
    assert waits[5:] == [1800, 1800, 1800]


def test_unknown_names_are_locked_like_known_ones(house: House) -> None:
    for _ in range(FREE):
        house.browser().log_in("nobody", "x")
    assert house.browser().log_in("nobody", "x").status_code == 429


def test_strangers_cannot_lock_a_person_out_of_a_browser_they_used_before(house: House) -> None:
    house.add("mo", Role.MODERATOR)
    known = house.browser()
    known.log_in("mo")
    known.post("/logout")
    for _ in range(FREE + 3):
        house.browser().log_in("mo", "guess")
    assert house.browser().log_in("mo").status_code == 429
    assert known.log_in("mo").status_code == 303


def test_a_known_browser_has_no_more_guesses_than_a_stranger(house: House) -> None:
    house.add("mo", Role.MODERATOR)
    known = house.browser()
    known.log_in("mo")
    known.post("/logout")
    for _ in range(FREE):
        assert known.log_in("mo", "guess").status_code == 403
    assert known.log_in("mo").status_code == 429


def test_one_person_s_browser_is_a_stranger_to_another_s_account(house: House) -> None:
    house.add("mo", Role.MODERATOR)
    attacker = house.person(Role.MODERATOR, "attacker")
    attacker.post("/logout")
    for _ in range(FREE):
        attacker.log_in("mo", "guess")
    assert attacker.log_in("mo", "guess").status_code == 429
    assert house.browser().log_in("mo").status_code == 429  # as any stranger's guesses do


def test_one_address_cannot_try_one_password_on_every_name(house: House) -> None:
    statuses = [
        house.browser().log_in(f"name-{number}", "spring").status_code
        for number in range(RULES["address"].free + 1)
    ]
    assert statuses[:-1] == [403] * RULES["address"].free
    assert statuses[-1] == 429


def test_attempts_at_the_same_instant_get_no_more_than_those_in_a_row(either_house: House) -> None:
    house = either_house
    house.add("mo", Role.MODERATOR)
    outcomes: list[str] = []
    gate = threading.Barrier(12)

    def guess() -> None:
        gate.wait()
        try:
            house.service.door.log_in("mo", "guess", "address", "")
        except (LoginRefused, TooManyFailures) as error:
            outcomes.append(error.name)

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["LoginRefused"] * FREE + ["TooManyFailures"] * (12 - FREE)


def test_a_log_in_that_succeeds_forgets_the_failures_of_the_account(house: House) -> None:
    house.add("mo", Role.MODERATOR)
    for _ in range(3):
        for _ in range(FREE - 1):
            assert house.browser().log_in("mo", "wrong").status_code == 403
        assert house.browser().log_in("mo").status_code == 303


def test_a_rule_s_locks_never_pass_the_longest() -> None:
    rule = Rule(free=3, first_ms=10, longest_ms=35, forget_ms=1)
    assert [rule.lock_ms(failures) for failures in (1, 2, 3, 4, 5, 6, 1000)] == [
        0, 0, 10, 20, 35, 35, 35,
    ]  # fmt: skip


def test_a_new_log_in_gets_a_new_session_and_ends_the_browser_s_old_one(house: House) -> None:
    house.add("mo", Role.MODERATOR)
    browser = house.browser()
    browser.log_in("mo")
    before = browser.http.cookies[cookies.SESSION]
    token = browser.csrf("/password")
    planted = browser.http.post(
        "/login",
        data={"name": "mo", "password": PASSWORD, "csrf": token},
        headers=browser.headers,
    )
    assert planted.status_code == 403  # the session's token is not the log-in page's
    entered = house.service.door.log_in("mo", PASSWORD, "address", "", before)
    assert entered.token != before
    with pytest.raises(NotSignedIn):
        house.service.sessions.find(before)


def test_a_session_ends_when_idle_and_after_its_longest_time(house: House) -> None:
    browser = house.person(Role.MODERATOR)
    for _ in range(19):
        house.clock.pass_minutes(29)
        assert browser.get("/").status_code == 200
    house.clock.pass_minutes(31)
    assert browser.get("/").status_code == 303
    other = house.person(Role.MODERATOR)
    for _ in range(25):
        house.clock.pass_minutes(23)
        assert other.get("/").status_code == 200
    house.clock.pass_minutes(26)
    assert other.get("/").status_code == 303


def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(house: House) -> None:
    house.add("mo", Role.MODERATOR)
    here, there = house.browser(), house.browser()
    here.log_in("mo")
    there.log_in("mo")
    new = "another long sentence"
    assert here.post("/password", {"present": "wrong", "new": new}).status_code == 400
    assert there.get("/").status_code == 200
    changed = here.post("/password", {"present": PASSWORD, "new": new})
    assert changed.headers["location"] == "/password?done=password-changed"
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 303
    assert house.browser().log_in("mo").status_code == 403
    assert house.browser().log_in("mo", new).status_code == 303
    assert len(house.lines("staff.password_changed")) == 1


def test_the_present_password_cannot_be_guessed_from_a_session_left_open(house: House) -> None:
    browser = house.person(Role.MODERATOR)
    form = {"present": "guess", "new": "another long sentence"}
    answers = [browser.post("/password", form).text for _ in range(FREE + 1)]
    assert all("present password is another one" in answer for answer in answers[:-1])
    assert "too many log-ins have failed" in answers[-1].lower()


@pytest.mark.parametrize("password", ["short", "a" * 20, "x" * 2000, "the-same-name-as-mine"])
def test_unfit_passwords_are_refused(password: str) -> None:
    with pytest.raises(PasswordUnfit):
        Passwords(cheap()).hash(password, "The-Same-Name-As-Mine")


def test_a_password_fits_however_the_keyboard_composed_it() -> None:
    passwords = Passwords(cheap())
    encoded = passwords.hash("caf\u00e9 on the corner", "mo")
    assert passwords.fits(encoded, "cafe\u0301 on the corner")
    assert not passwords.fits(encoded, "cafe on the corner")
    assert not passwords.fits(None, "cafe\u0301 on the corner")
    assert not passwords.fits("no hash at all", "anything")


def test_a_hash_of_older_parameters_is_made_anew_at_log_in(house: House) -> None:
    house.add("mo", Role.MODERATOR)
    house.service.door._passwords = Passwords(owasp())
    assert house.browser().log_in("mo").status_code == 303
    with house.service.db.read() as tx:
        encoded = tx.execute(select(staff.c.password)).scalar_one()
    assert "m=47104,t=1,p=1" in encoded
    assert house.browser().log_in("mo").status_code == 303


def test_what_counts_no_more_is_forgotten(house: House) -> None:
    browser = house.person(Role.MODERATOR, "mo")
    house.browser().log_in("mo", "wrong")
    house.clock.pass_minutes(60 * 24 * 91)
    house.service.door.forget_old()
    with house.service.db.read() as tx:
        for table in (staff_sessions, known_browsers, login_failures):
            assert tx.execute(select(table)).all() == []
    assert browser.get("/").status_code == 303
