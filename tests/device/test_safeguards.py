"""Blocking, reporting and what is said about it, on a device."""

import pytest

from softfall.device.outcomes import Shown
from softfall.device.transport import RefusedByService, ServiceUnreachable
from softfall.messaging.envelope import REPORT

from .conftest import Town
from .pictures import FLOWER, jpeg


def words_of(told) -> str:
    return "\n".join(told.words)


def reports_sent(town: Town, name: str, monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    seen: list[dict] = []
    transport = town[name]._kit.transport
    real = transport.report

    def report(body: bytes):
        seen.append(REPORT.decode(body))
        return real(body)

    monkeypatch.setattr(transport, "report", report)
    return seen


def test_what_a_blocked_contact_sends_is_kept_and_not_shown(town: Town) -> None:
    ada, ben, carol = town["ada"], town["ben"], town["carol"]
    ada.send_text("ben", "before")
    ben.sync()
    ben.block("ada")
    ada.send_text("ben", "after")
    carol.send_text("ben", "from carol")
    assert [arrival.text for arrival in ben.sync()] == ["from carol"]
    assert [message.sender for message in ben.history()] == ["carol"]
    assert [message.text for message in ben.evidence("ada")] == ["before", "after"]
    assert ben.blocked() == ["ada"]


def test_a_block_survives_a_restart_and_is_undone_by_unblocking(town: Town) -> None:
    ada, ben = town["ada"], town["ben"]
    ben.block("ada")
    ben.block("ada")
    ada.send_text("ben", "while blocked")
    ben = town.restart("ben")
    assert ben.blocked() == ["ada"]
    assert ben.sync() == []
    ben.unblock("ada")
    ben.unblock("ada")
    assert [message.text for message in ben.history()] == ["while blocked"]
    ada.send_text("ben", "again")
    assert [arrival.text for arrival in ben.sync()] == ["again"]


def test_in_a_group_only_the_blocked_member_falls_silent(town: Town) -> None:
    ada, ben, carol = town["ada"], town["ben"], town["carol"]
    ben.block("ada")
    ada.send_text(["ben", "carol"], "from ada", conversation="three")
    carol.send_text(["ben", "ada"], "from carol", conversation="three")
    assert [arrival.text for arrival in ben.sync()] == ["from carol"]


def exchange(town: Town, block: bool) -> list[tuple[str, str]]:
    """Ada writes, Ben reads: everything that anybody asks of the provider."""
    ada, ben = town["ada"], town["ben"]
    ada.send_text("ben", "first")
    ben.sync()
    ben.send_text("ada", "hello")
    ada.sync()
    if block:
        ben.block("ada")
    town.provider.calls.clear()
    for text in ("second", "third"):
        ada.send_text("ben", text)
        ben.sync()
    ada.sync()
    return list(town.provider.calls)


def test_who_is_blocked_learns_nothing(tmp_path) -> None:
    towns = [
        Town(tmp_path / name) for name in ("open", "blocked") if (tmp_path / name).mkdir() is None
    ]
    try:
        seen = [exchange(town, block) for town, block in zip(towns, (False, True), strict=True)]
    finally:
        for town in towns:
            town.close()
    assert seen[0] == seen[1], "the provider, and through it the sender, sees the very same"
    assert len(seen[0]) > 4


def test_a_report_may_be_anonymous_and_urgent_and_block_at_once(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, ben = town["ada"], town["ben"]
    sent = ada.send_text("ben", "hello")
    ben.sync()
    seen = reports_sent(town, "ben", monkeypatch)
    told = ben.report([sent.envelope_id], "threat", anonymous=True, block=True, in_danger_now=True)
    assert (seen[0]["anonymous"], seen[0]["in_danger_now"]) == (1, 1)
    assert "block" not in seen[0]
    assert ben.blocked() == ["ada"]
    said = words_of(told)
    assert "don't see your name" in said
    assert "read before others" in said
    assert "emergency number" in said
    assert told.help


def test_a_plain_report_says_that_ones_name_is_seen(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, ben = town["ada"], town["ben"]
    sent = ada.send_text("ben", "hello")
    ben.sync()
    seen = reports_sent(town, "ben", monkeypatch)
    told = ben.report([sent.envelope_id], "unwanted")
    assert (seen[0]["anonymous"], seen[0]["in_danger_now"]) == (0, 0)
    assert "see your account's name" in words_of(told)
    assert ben.blocked() == []


@pytest.mark.parametrize("trouble", ["away", "refused"])
def test_a_block_holds_even_where_the_report_does_not_get_through(town: Town, trouble: str) -> None:
    ada, ben = town["ada"], town["ben"]
    sent = ada.send_text("ben", "hello")
    ben.sync()
    if trouble == "refused":
        ben.report([sent.envelope_id], "spam")
    town.provider.away = trouble == "away"
    with pytest.raises((ServiceUnreachable, RefusedByService)):
        ben.report([sent.envelope_id], "spam", block=True)
    assert ben.blocked() == ["ada"]


def test_a_preview_says_who_would_see_what_and_sends_nothing(town: Town) -> None:
    town.publish(1)
    ada, carol, ben = town["ada"], town["carol"], town["ben"]
    ids = [
        ada.send_text("ben", "one").envelope_id,
        ada.send_photo("ben", jpeg(FLOWER)).envelope_id,
        carol.send_text("ben", "two").envelope_id,
    ]
    assert all(isinstance(arrival, Shown) for arrival in ben.sync())
    town.provider.calls.clear()
    told = ben.report_preview(ids, anonymous=True, block=True, in_danger_now=True)
    assert (told.messages, told.pictures, told.senders) == (3, 1, ("ada", "carol"))
    said = words_of(told)
    for expected in (
        "3 messages of ada and carol, with 1 picture",
        "Nothing else of your conversations",
        "The service's computers know it",
        "they may guess",
        "You won't see anything from ada and carol",
        "police or a child-protection organisation",
    ):
        assert expected in said
    assert ben.blocked() == []
    assert town.provider.calls == []
    plain = words_of(ben.report_preview(ids[:1]))
    assert "1 message of ada would go" in plain
    assert "see your account's name" in plain
    assert "won't see anything" not in plain
    assert "emergency" not in plain


def test_what_a_blocked_contact_sent_can_be_reported(town: Town) -> None:
    ada, ben = town["ada"], town["ben"]
    ben.block("ada")
    sent = ada.send_text("ben", "while blocked")
    assert ben.sync() == []
    (kept,) = ben.evidence("ada")
    assert kept.envelope_id == sent.envelope_id
    assert ben.report([kept.envelope_id], "harassment").accepted == 1
