"""How one message's fate is found out, with parties that answer as the test wants."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from softfall.compare.casts import cast as cast_module
from softfall.compare.casts.cast import Fate, Play
from softfall.compare.casts.in_transit import InTransit
from softfall.compare.casts.registry import CASTS, UnknownOption, make_cast
from softfall.compare.casts.split import Split
from softfall.compare.plan import Cheat, Kind, Turn
from softfall.compare.results import Outcome

PICTURE = (Path("/pictures/0.png"), "image/png", "digest of the picture")
DELIVERED = Fate(delivered=True, held=False, reason="clear", decided_ms=3.0)
HELD = Fate(delivered=False, held=True, reason="candidate", decided_ms=3.0)
SHOWN = {"id": "1", "shown": True, "reason": "", "picture_sha256": "digest of the picture"}


class FakeParty:
    """Answers commands from a script; its clock advances by a step whenever it is read."""

    def __init__(self, answers: Sequence[Mapping[str, Any]] = (), step_ms: float = 0.0) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self._step_ms, self._now_ms = step_ms, 0.0

    def ask(self, command: str, **values: Any) -> Mapping[str, Any]:
        self.asked.append({"do": command, **values})
        return self.answers.pop(0) if self.answers else {"events": [], "ms": 1.0}

    def cpu_ms(self) -> float:
        self._now_ms += self._step_ms
        return self._now_ms


class FakeCast:
    """A cast whose provider's record is what the test says."""

    def __init__(self, fates: Sequence[Fate | None], **parties: FakeParty) -> None:
        self.fates = list(fates)
        self.parties = {
            "sender": FakeParty([{"id": "1", "refused": "", "ms": 1.0}]),
            "patched sender": FakeParty([{"id": "1", "refused": "", "ms": 1.0}]),
            "recipient": FakeParty(),
            "colluding recipient": FakeParty(),
            "provider": FakeParty(),
            **{name.replace("_", " "): party for name, party in parties.items()},
        }

    def fate(self, message_id: str) -> Fate | None:
        assert message_id == "1"
        return self.fates.pop(0) if len(self.fates) > 1 else self.fates[0]


def play_of(cast: FakeCast) -> Play:
    return Play(cast, [PICTURE], Path("/pictures/decoy.png"))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cast_module, "FATE_SECONDS", 0.2)
    monkeypatch.setattr(cast_module, "POLL_SECONDS", 0.01)


def arrives(*events: Mapping[str, Any]) -> FakeParty:
    return FakeParty([{"events": [], "ms": 2.0}, {"events": list(events), "ms": 3.0}])


def test_a_message_that_arrives_as_sent_is_shown():
    cast = FakeCast([None, DELIVERED], recipient=arrives(SHOWN))
    played = play_of(cast).turn(Turn(Kind.UNLISTED, 0))
    assert (played.outcome, played.reason) == (Outcome.SHOWN, "clear")
    assert played.recipient_ms == 5.0
    assert played.verdict_ms == 3.0


def test_a_message_that_the_provider_holds_is_held_and_nobody_asks_for_it():
    cast = FakeCast([HELD])
    played = play_of(cast).turn(Turn(Kind.AS_IS, 0))
    assert (played.outcome, played.reason) == (Outcome.HELD, "candidate")
    assert cast.parties["recipient"].asked == []


def test_a_message_that_the_recipients_app_keeps_back_is_quarantined():
    event = {**SHOWN, "shown": False, "reason": "not this submission"}
    cast = FakeCast([DELIVERED], recipient=arrives(event))
    played = play_of(cast).turn(Turn(Kind.CHEAT, 0, Cheat.JUNK))
    assert (played.outcome, played.reason) == (Outcome.QUARANTINED, "not this submission")
    assert cast.parties["patched sender"].asked[0]["cheat"] == "junk"
    assert cast.parties["patched sender"].asked[0]["decoy"] == "/pictures/decoy.png"


def test_a_message_that_the_provider_refuses_is_refused():
    refused = FakeParty([{"id": "", "refused": "VoucherRefused", "ms": 1.0}])
    played = play_of(FakeCast([DELIVERED], sender=refused)).turn(Turn(Kind.AS_IS, 0))
    assert (played.outcome, played.reason) == (Outcome.REFUSED, "VoucherRefused")


@pytest.mark.parametrize(
    ("fate", "recipient", "reason"),
    [
        (None, FakeParty(), "did not decide"),
        (DELIVERED, FakeParty(), "never arrived"),
        (DELIVERED, arrives({**SHOWN, "picture_sha256": "another"}), "something else"),
        (DELIVERED, arrives({**SHOWN, "id": "2"}), "never arrived"),
    ],
)
def test_a_message_that_is_neither_shown_nor_stopped_is_lost(
    fate: Fate | None, recipient: FakeParty, reason: str
):
    played = play_of(FakeCast([fate], recipient=recipient)).turn(Turn(Kind.UNLISTED, 0))
    assert played.outcome is Outcome.LOST
    assert reason in played.reason


def test_a_held_message_that_slips_through_later_is_noticed():
    cast = FakeCast([HELD])
    play = play_of(cast)
    played = play.turn(Turn(Kind.AS_IS, 0))
    cast.parties["recipient"].answers = [{"events": [SHOWN], "ms": 1.0}]
    (amended,) = play.amend([played])
    assert (amended.outcome, amended.reason) == (Outcome.SHOWN, "arrived late")


def test_a_colluding_pair_is_the_patched_sender_and_the_recipient_who_looks_away():
    cast = FakeCast([DELIVERED], colluding_recipient=arrives(SHOWN))
    played = play_of(cast).turn(Turn(Kind.COLLUDING, 0))
    assert played.outcome is Outcome.SHOWN
    assert cast.parties["patched sender"].asked[0]["to"] == "col"
    assert cast.parties["sender"].asked == cast.parties["recipient"].asked == []


def test_the_witnesss_own_questions_are_kept_out_of_the_providers_processor_time():
    # Each reading of the clock advances it by 1 ms: one before, one after, two around each of
    # three questions. What is left of those eight is what lies between questions.
    cast = FakeCast([None, None, HELD], provider=FakeParty(step_ms=1.0))
    played = play_of(cast).turn(Turn(Kind.AS_IS, 0))
    assert played.cpu_ms["provider"] == 7.0 - 3.0


def test_every_option_says_what_it_can_not_do():
    for cast in (InTransit(), Split()):
        assert any("colluding" in limit for limit in cast.limits)
        assert all(limit and "\n" not in limit for limit in cast.limits)


@pytest.mark.parametrize("name", ["split", "on_device"])
def test_where_candidates_are_confirmed_the_limits_of_confirming_are_printed(name: str):
    limits = " ".join(make_cast(name).limits)
    assert "every submission that the provider kept" in limits
    assert "candidates, and only they, are held as an outage" in limits


def test_a_device_that_is_told_before_it_sends_makes_an_oracle_and_that_is_printed():
    oracle = "tells the owner of a picture whether it is on the list"
    assert any(oracle in limit for limit in make_cast("on_device").limits)
    assert not any(oracle in limit for limit in make_cast("split").limits)


def test_every_cast_goes_by_its_options_name():
    for name in CASTS:
        assert make_cast(name).name == name


def test_an_unknown_option_is_refused_with_the_nearest():
    with pytest.raises(UnknownOption, match="'in_transit'"):
        make_cast("in-transit")
