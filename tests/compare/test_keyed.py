"""What matching a picture cost is drawn from what was recorded, and from nothing else."""

import pytest

from softfall.compare.casts.cast import DEALER, KEYHOLDER, PROVIDER
from softfall.compare.keyed import BEGIN, FINISH, STOCK, answered, match_costs
from softfall.compare.recorder import CLIENT, SERVER
from softfall.compare.views import Recording
from softfall.options.homomorphic import dealt_wire, keyholder
from softfall.options.homomorphic.material import DealtKeyholder, DealtProvider
from softfall.options.homomorphic.parameters import Mode
from softfall.options.homomorphic.provider import Asked, Run
from tests.compare.test_confirms import HEAD_BYTES, Tape
from tests.options.homomorphic.parties import SECRET, Parties, random_hashes, secret_of


class Matched:
    """Pictures matched one after the other, as three parties recorded it; times in ms."""

    def __init__(self, mode: Mode = Mode.ONE_BIT) -> None:
        self.parties = Parties(dict(enumerate(random_hashes(60))), mode)
        self.tapes = {role: Tape() for role in (PROVIDER, KEYHOLDER, DEALER)}
        self.stock: list[tuple[bytes, bytes]] = []

    def match(self, at_ms: int, pictures: int = 1) -> None:
        submissions = [
            self.parties.send(bits, secret_of(f"{at_ms} {number}"))[0]
            for number, bits in enumerate(random_hashes(pictures, seed=at_ms))
        ]
        dealt = [self.parties.deal() for _ in submissions]
        self.stock += dealt
        run = Run(
            self.parties.prepared,
            [Asked.read(each.body) for each in submissions],
            [DealtProvider.decode(own) for own, _ in dealt],
        )
        theirs = [DealtKeyholder.decode(other) for _, other in dealt]
        begin = run.begin()
        begun, kept = keyholder.begin(keyholder.read(begin), self.parties.hints, theirs, [SECRET])
        finish = run.go_on(begun)
        assert finish is not None
        finished = keyholder.finish(finish, kept)
        provider, other = self.tapes[PROVIDER], self.tapes[KEYHOLDER]
        provider.note(CLIENT, BEGIN, (at_ms, at_ms + 6), begun, len(begin))
        provider.note(CLIENT, FINISH, (at_ms + 8, at_ms + 13), finished, len(finish))
        other.note(SERVER, BEGIN, (at_ms + 1, at_ms + 5), begin, len(begun))
        other.note(SERVER, FINISH, (at_ms + 9, at_ms + 12), finish, len(finished))
        self.sizes = (len(begin) + len(finish), len(begun) + len(finished))

    def deal(self) -> None:
        body = dealt_wire.STOCK_PROVIDER.encode({"version": 1, "dealt": [s[0] for s in self.stock]})
        self.tapes[PROVIDER].note(CLIENT, STOCK, (0, 2), body, 40)
        self.tapes[DEALER].note(SERVER, STOCK, (0, 2), b"{}", len(body))
        for number, (_, theirs) in enumerate(self.stock):
            answer = dealt_wire.STOCK_KEYHOLDER.encode({"version": 1, "dealt": [theirs]})
            self.tapes[KEYHOLDER].note(CLIENT, STOCK, (number, number + 1), answer, 40)
            self.tapes[DEALER].note(SERVER, STOCK, (number, number + 1), b"{}", len(answer))

    @property
    def recordings(self) -> dict[str, Recording]:
        return {
            role: Recording(role, role, tape.exchanges, tape.spool)
            for role, tape in self.tapes.items()
        }


@pytest.mark.parametrize("mode", list(Mode))
def test_a_pictures_costs_are_those_of_its_two_exchanges(mode: Mode):
    made = Matched(mode)
    made.match(100)
    made.match(200)
    made.deal()
    costs = match_costs(made.recordings)
    assert costs is not None
    assert (costs.pictures, costs.provider_ms, costs.keyholder_ms) == (2, 13.0, 7.0)
    there, back = made.sizes
    assert costs.sent_bytes == there + 2 * HEAD_BYTES
    assert costs.received_bytes == back + 2 * HEAD_BYTES
    assert len(made.stock[0][1]) < costs.dealt_bytes[KEYHOLDER] < len(made.stock[0][1]) + 10
    assert 40 < costs.dealt_bytes[PROVIDER] < 100
    assert costs.dealer_ms == (2 + 1 + 1) / 2


def test_refused_and_batched_and_unfinished_runs_are_left_out():
    made = Matched()
    made.match(100)
    made.match(200, pictures=2)
    made.match(300)
    tape = made.tapes[PROVIDER]
    unfinished = [each for each in tape.exchanges if each.path == FINISH][-1]
    tape.exchanges.remove(unfinished)
    tape.note(CLIENT, BEGIN, (400, 401), b"{}", 10, status=409)
    assert len(answered(made.recordings[PROVIDER], CLIENT)) == 1
    assert len(answered(made.recordings[KEYHOLDER], SERVER)) == 2


def test_runs_that_overlap_in_time_are_told_apart_by_their_serials():
    made = Matched()
    made.match(100)
    made.match(103)
    pairs = answered(made.recordings[PROVIDER], CLIENT)
    assert [(first.start_ns // 10**6, last.end_ns // 10**6) for first, last in pairs] == [
        (100, 113),
        (103, 116),
    ]


def test_where_no_keyholder_takes_part_or_nothing_was_matched_there_are_no_costs():
    made = Matched()
    assert match_costs(made.recordings) is None
    assert match_costs({PROVIDER: made.recordings[PROVIDER]}) is None
