import pytest
from sqlalchemy import func, select, update

from softfall.config import ProviderSettings
from softfall.provider.clock import days_ms
from softfall.provider.life import HoldKind, State
from softfall.provider.tables import envelopes, payloads, receipt_keys, transitions
from softfall.provider.upkeep import Limits, RetentionTooShort

from .cast import LISTED, App
from .conftest import House


@pytest.fixture
def people(house: House) -> tuple[App, App]:
    return house.join("ada"), house.join("ben")


def hold(house: House, ada: App, kind: HoldKind = HoldKind.CANDIDATE) -> None:
    house.send(ada, ada.media("ben", word=LISTED))
    with house.service.db.write() as tx:
        tx.execute(update(envelopes).where(envelopes.c.state == State.HELD).values(hold_kind=kind))


def states(house: House) -> list[str]:
    with house.service.db.read() as tx:
        return list(tx.execute(select(envelopes.c.state)).scalars())


@pytest.mark.parametrize("kind", [HoldKind.CANDIDATE, HoldKind.OUTAGE])
def test_an_unconfirmed_hold_that_nobody_decides_is_released_in_time_and_not_before(
    house: House, people: tuple[App, App], kind: HoldKind
) -> None:
    ada, ben = people
    hold(house, ada, kind)
    house.clock.pass_hours(71.9)
    house.service.upkeep.round()
    assert ben.mailbox() == []
    house.clock.pass_hours(0.2)
    for _ in range(2):
        house.service.upkeep.round()
    (delivery,) = ben.mailbox()
    life = house.life(delivery["receipt"]["envelope_id"])
    assert [(move["end"], move["who"]) for move in life] == [
        ("received", "sender"), ("held", "judge"), ("released", "clock"),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [HoldKind.CONFIRMED, HoldKind.MALFORMED])
def test_a_confirmed_or_malformed_hold_goes_to_a_lead_and_in_the_end_expires_unseen(
    house: House, people: tuple[App, App], kind: HoldKind
) -> None:
    ada, ben = people
    hold(house, ada, kind)
    house.clock.pass_hours(73)
    house.service.upkeep.round()
    assert [entry["escalated"] for entry in house.holds()] == [True]
    house.clock.pass_hours(24 * 91)
    house.service.upkeep.round()
    assert states(house) == [State.EXPIRED]
    assert ben.mailbox() == []
    with house.service.db.read() as tx:
        assert list(tx.execute(select(payloads.c.body)).scalars()) == [None]
    assert house.service.attachments.files.all() == []


def test_blocked_ciphertext_is_kept_for_the_retention_and_then_deleted(
    house: House, people: tuple[App, App]
) -> None:
    ada, _ = people
    hold(house, ada)
    envelope_id = house.holds()[0]["envelope_id"]
    house.staff(
        "POST", f"/v1/staff/holds/{envelope_id}", json={"decision": "block", "reason": "listed"}
    )
    house.clock.pass_hours(24 * 89)
    house.service.upkeep.round()
    assert len(house.service.attachments.files.all()) == 1
    house.clock.pass_hours(24 * 2)
    house.service.upkeep.round()
    assert house.service.attachments.files.all() == []
    assert states(house) == [State.BLOCKED]
    assert len(house.life(bytes.fromhex(envelope_id))) == 3


def test_who_wrote_to_whom_is_forgotten_when_it_can_no_longer_be_reported(
    house: House, people: tuple[App, App]
) -> None:
    ada, ben = people
    house.send(ada, ada.text("ben"))
    house.clock.pass_hours(24 * 91)
    house.service.upkeep.round()
    assert len(ben.mailbox()) == 1  # unread mail is kept
    ben.ack(1)
    house.clock.pass_hours(24 * 89)
    house.service.upkeep.round()
    assert states(house) == [State.DELIVERED]  # what was read late can be reported for as long
    house.clock.pass_hours(24 * 2)
    house.service.upkeep.round()
    assert states(house) == []
    with house.service.db.read() as tx:
        for table in (payloads, transitions):
            assert tx.execute(select(func.count()).select_from(table)).scalar() == 0


def test_receipt_keys_rotate_and_old_ones_stay_for_the_report_window(
    house: House, people: tuple[App, App]
) -> None:
    ada, ben = people

    def kept_keys() -> list[int]:
        with house.service.db.read() as tx:
            return list(tx.execute(select(receipt_keys.c.key_id)).scalars())

    for _ in range(3):
        house.send(ada, ada.text("ben"))
        house.clock.pass_hours(24 * 3)
    assert [d["receipt"]["key_id"] for d in ben.mailbox()] == [1, 1, 1]
    house.send(ada, ada.text("ben"))
    house.service.upkeep.round()
    assert ben.mailbox()[-1]["receipt"]["key_id"] == 2
    assert kept_keys() == [1, 2]
    house.clock.pass_hours(24 * (97 - 8))
    house.service.upkeep.round()
    assert kept_keys() == [2]
    house.send(ada, ada.text("ben"))
    assert ben.mailbox()[-1]["receipt"]["key_id"] == 3


def test_a_retention_that_ends_before_the_time_out_is_refused_at_the_start() -> None:
    with pytest.raises(RetentionTooShort):
        Limits.of(ProviderSettings(hold_timeout_hours=48, held_retention_days=2))
    assert Limits.of(ProviderSettings()).report_window_ms == days_ms(90)


def test_one_steps_fault_does_not_keep_back_the_others(
    house: House, people: tuple[App, App], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, ben = people
    hold(house, ada)

    def fail(now_ms: int) -> None:
        raise OSError(28, "a secret path")

    monkeypatch.setattr(house.service.upkeep, "_expire_holds", fail)
    house.clock.pass_hours(73)
    house.service.upkeep.round()
    assert len(ben.mailbox()) == 1
    assert "upkeep failed" in house.log.getvalue()
    assert "secret" not in house.log.getvalue()


def test_the_gauge_of_holds_counts_what_is_held(house: House, people: tuple[App, App]) -> None:
    ada, _ = people
    hold(house, ada)
    house.service.upkeep.round()
    figures = house.http.get("/metrics").text
    assert 'softfall_holds{kind="candidate"} 1.0' in figures
    assert 'softfall_holds{kind="outage"} 0.0' in figures
    assert 'softfall_moves_total{end="held",who="judge"} 1.0' in figures
    assert "softfall_judge_seconds_count 1.0" in figures
    assert "softfall_epoch 1.0" in figures
