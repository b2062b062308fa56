"""Legal holds: by whom the configuration names, with a reason, on record."""

import pytest

from softfall.casework.evidence import legal_hold
from softfall.casework.evidence.legal_hold import (
    LegalHold,
    LegalHoldReasonMissing,
    LegalHoldUnknown,
    NotALegalHoldSetter,
)
from softfall.casework.evidence.vault import EvidenceGone, forget_case
from tests.casework.evidence.room import Room


@pytest.fixture
def setting(room: Room) -> Room:
    room.configure(legal_hold_setters="leo, lia")
    return room


def place(
    room: Room,
    case_row: int,
    by: str = "leo",
    reason: str = "order 12 of the court",
    withholds: bool = False,
) -> LegalHold:
    with room.db.write() as tx:
        return legal_hold.place(tx, case_row, by, reason, withholds, room.settings, room.now_ms)


def lift(room: Room, case_row: int, hold_id: int, by: str = "lia") -> None:
    with room.db.write() as tx:
        legal_hold.lift(tx, case_row, hold_id, by, "it was lifted", room.settings, room.now_ms)


def active(room: Room, case_row: int) -> tuple[LegalHold, ...]:
    with room.db.read() as tx:
        return legal_hold.active(tx, case_row)


def test_a_hold_is_set_and_lifted_on_record(setting: Room) -> None:
    row, case_id = setting.case()
    assert active(setting, row) == ()
    hold = place(setting, row)
    assert active(setting, row) == (hold,)
    lift(setting, row, hold.hold_id)
    assert active(setting, row) == ()
    common = {"subject": case_id, "hold": hold.hold_id, "withholds_telling": False}
    assert setting.lines("legal_hold.set") == [
        {"who": "leo", "reason": "order 12 of the court", **common}
    ]
    assert setting.lines("legal_hold.lifted") == [
        {"who": "lia", "reason": "it was lifted", **common}
    ]


@pytest.mark.parametrize("setters", ["", " ", ",", "leon", "Leo"])
def test_nobody_else_sets_or_lifts_one(setting: Room, setters: str) -> None:
    row, _ = setting.case()
    hold = place(setting, row)
    setting.configure(legal_hold_setters=setters)
    for by in ("leo", "", " "):
        with pytest.raises(NotALegalHoldSetter):
            place(setting, row, by)
        with pytest.raises(NotALegalHoldSetter):
            lift(setting, row, hold.hold_id, by)
    assert active(setting, row) == (hold,)
    assert len(setting.lines("legal_hold.set")) == 1


@pytest.mark.parametrize("reason", ["", "  ", "ab", "x" * 1001])
def test_a_reason_is_asked_for(setting: Room, reason: str) -> None:
    row, _ = setting.case()
    with pytest.raises(LegalHoldReasonMissing):
        place(setting, row, reason=reason)
    assert active(setting, row) == ()


def test_one_that_is_not_there_can_not_be_lifted(setting: Room) -> None:
    (row, _), (other, _) = setting.case(), setting.case()
    hold = place(setting, row)
    with pytest.raises(LegalHoldUnknown):
        lift(setting, other, hold.hold_id)
    lift(setting, row, hold.hold_id)
    with pytest.raises(LegalHoldUnknown):
        lift(setting, row, hold.hold_id)


def test_telling_is_withheld_only_while_a_hold_says_so(setting: Room) -> None:
    row, _ = setting.case()
    place(setting, row)

    def withheld() -> bool:
        with setting.db.read() as tx:
            return legal_hold.withholds_telling(tx, row)

    assert not withheld()
    hold = place(setting, row, withholds=True)
    assert withheld()
    lift(setting, row, hold.hold_id)
    assert not withheld()


def test_what_is_gone_can_not_be_held(setting: Room) -> None:
    row, _ = setting.case()
    with setting.db.write() as tx:
        forget_case(tx, row, setting.now_ms)
    with pytest.raises(EvidenceGone):
        place(setting, row)


def test_every_active_hold_is_listed_with_its_case(setting: Room) -> None:
    (row, case_id), (other, other_id) = setting.case(), setting.case()
    first, second = place(setting, row), place(setting, other)
    lifted = place(setting, row)
    lift(setting, row, lifted.hold_id)
    with setting.db.read() as tx:
        assert legal_hold.everywhere(tx) == ((case_id, first), (other_id, second))
