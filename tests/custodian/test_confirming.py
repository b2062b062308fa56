"""What the custodian releases: one bit a share and entry, whatever is killed, repeated or tried."""

import io
import threading
import time

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, Table, func, select

from softfall.custodian.confirm_tables import confirmations as rows
from softfall.custodian.confirm_tables import metadata, stock
from softfall.custodian.confirming import (
    MAX_ENTRIES,
    SESSION_MS,
    BitReleased,
    Confirmations,
    ConfirmsSpent,
    EntryNotListed,
    SerialSpent,
    SerialUnknown,
    TooManyEntries,
)
from softfall.custodian.epochs import EpochEnded, EpochNotPublished
from softfall.custodian.stock import STRAGGLERS, Stock
from softfall.custodian.store import open_confirm_database
from softfall.edge.logs import make_logger
from softfall.edge.stock_keeping import StockKeeper
from softfall.lists.manifest import Manifest
from softfall.options.confirm import wire
from softfall.options.confirm.provider import Confirming
from softfall.store.database import empty_the_log
from softfall.wire import MalformedMessage, Value
from tests.custodian.dealing import Dealer, bit_of, confirming, shares_of
from tests.custodian.keeping import HOUR_MS, Keeper, a_hash
from tests.custodian.test_epochs import a_book, files_with

PER_HOUR = 100


class House:
    """A custodian's confirmations over a small list, with a stock from a dealer."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.manifest: Manifest = keeper.publish()
        self.dealer = Dealer()
        self.engine: Engine = open_confirm_database(keeper.settings.data_dir)
        self.stock = Stock(self.engine)
        self.wanted = 0
        self.confirmations = self.open()
        self.fill(50)

    def open(self) -> Confirmations:
        """As a service that has just started."""

        def want() -> None:
            self.wanted += 1

        clocks = self.keeper.clocks
        return Confirmations(
            self.engine,
            a_book(self.keeper),
            PER_HOUR,
            lambda: clocks.wall_ms,
            lambda: clocks.steady_ms,
            want,
        )

    def fill(self, count: int) -> None:
        self.stock.put(self.dealer.fetch("custodian", count))

    def step(self, bits: bytes, entry: int, key: bytes = bytes(32)) -> Confirming:
        return confirming(self.dealer, self.manifest, shares_of(self.manifest, bits, key), entry)

    def count(self, table: Table = rows) -> int:
        with self.engine.connect() as connection:
            return int(connection.scalar(select(func.count()).select_from(table)) or 0)


@pytest.fixture
def house(keeper: Keeper) -> House:
    return House(keeper)


LISTED = a_hash("1/3")  # the fourth entry of a keeper's list
ENTRY = 4


def begin_with(begin: bytes, serial: int) -> bytes:
    """The same under another serial."""
    values = wire.CONFIRM_BEGIN.decode(begin)
    return wire.CONFIRM_BEGIN.encode({**values, "serial": wire.serial_bytes(serial)})


def moved(bits: bytes, distance_bits: int) -> bytes:
    """A hash at this distance."""
    flipped = int.from_bytes(bits, "big") ^ ((1 << distance_bits) - 1)
    return flipped.to_bytes(32, "big")


@pytest.mark.parametrize(("distance_bits", "bit"), [(0, True), (31, True), (32, False)])
def test_the_bit_says_whether_the_picture_is_within_31_bits_of_the_entry(
    house: House, distance_bits: int, bit: bool
) -> None:
    step = house.step(moved(LISTED, distance_bits), ENTRY)
    assert bit_of(house.confirmations, step) is bit


def test_another_entry_is_not_confirmed(house: House) -> None:
    assert not bit_of(house.confirmations, house.step(LISTED, ENTRY + 1))


def test_the_same_messages_again_get_the_same_answers_also_after_a_restart(house: House) -> None:
    step = house.step(LISTED, ENTRY)
    begin = step.begin()
    begun = house.confirmations.begin(begin)
    restarted = house.open()
    assert restarted.begin(begin) == begun
    finish = step.go_on(begun)
    assert isinstance(finish, bytes)
    finished = restarted.finish(finish)
    assert house.open().finish(finish) == finished
    assert house.open().begin(begin) == begun
    assert step.bit(finished)


def test_a_serial_is_gone_from_the_disk_before_its_answer_leaves(house: House) -> None:
    before = house.count(stock)
    house.confirmations.begin(house.step(LISTED, ENTRY).begin())
    assert house.count(stock) == before - 1


def test_a_serial_is_refused_for_another_message(house: House) -> None:
    step = house.step(LISTED, ENTRY)
    begin = step.begin()
    house.confirmations.begin(begin)
    values = wire.CONFIRM_BEGIN.decode(begin)
    other = wire.CONFIRM_BEGIN.encode({**values, "masked": bytes(256)})
    with pytest.raises(SerialSpent):
        house.confirmations.begin(other)


def test_another_finish_under_the_same_serial_is_refused(house: House) -> None:
    step = house.step(LISTED, ENTRY)
    finish = step.go_on(house.confirmations.begin(step.begin()))
    assert isinstance(finish, bytes)
    house.confirmations.finish(finish)
    values = wire.CONFIRM_FINISH.decode(finish)
    rotated = values["rotated"]
    assert isinstance(rotated, bytes)
    other = {**values, "rotated": bytes([rotated[0], rotated[1] ^ 1])}
    with pytest.raises(SerialSpent):
        house.confirmations.finish(wire.CONFIRM_FINISH.encode(other))


def test_one_bit_is_released_for_one_share_and_entry_whatever_the_inputs(house: House) -> None:
    bit_of(house.confirmations, house.step(LISTED, ENTRY))
    with pytest.raises(BitReleased):
        house.confirmations.begin(house.step(LISTED, ENTRY).begin())
    shares = wire.CONFIRM_SHARES.decode(shares_of(house.manifest, LISTED))
    altered = wire.CONFIRM_SHARES.encode({**shares, "x_p": bytes(32)})
    step = confirming(house.dealer, house.manifest, altered, ENTRY)
    with pytest.raises(BitReleased):
        house.confirmations.begin(step.begin())


def test_two_that_began_together_get_one_bit_between_them(house: House) -> None:
    steps = [house.step(LISTED, ENTRY) for _ in range(2)]
    finishes = [step.go_on(house.confirmations.begin(step.begin())) for step in steps]
    assert isinstance(finishes[0], bytes)
    assert isinstance(finishes[1], bytes)
    assert steps[0].bit(house.confirmations.finish(finishes[0]))
    with pytest.raises(BitReleased):
        house.confirmations.finish(finishes[1])


def test_what_was_begun_and_never_finished_costs_no_bit(house: House) -> None:
    house.confirmations.begin(house.step(LISTED, ENTRY).begin())
    assert bit_of(house.confirmations, house.step(LISTED, ENTRY))


def test_one_share_is_confirmed_against_a_bounded_number_of_entries(house: House) -> None:
    for entry in range(1, MAX_ENTRIES + 1):
        bit_of(house.confirmations, house.step(LISTED, entry))
    with pytest.raises(TooManyEntries):
        house.confirmations.begin(house.step(LISTED, MAX_ENTRIES + 1).begin())
    assert bit_of(house.confirmations, house.step(LISTED, ENTRY, key=b"2" * 32))


def test_a_share_that_is_not_the_committed_one_is_a_mismatch_and_has_no_bit(house: House) -> None:
    mine, other = (
        wire.CONFIRM_SHARES.decode(shares_of(house.manifest, LISTED, key))
        for key in (b"1" * 32, b"2" * 32)
    )
    mixed = wire.CONFIRM_SHARES.encode({**mine, "sealed": other["sealed"]})
    step = confirming(house.dealer, house.manifest, mixed, ENTRY)
    begun = house.confirmations.begin(step.begin())
    assert not isinstance(step.go_on(begun), bytes)
    serial = wire.serial_bytes(step.serial)
    finish: dict[str, Value] = {"version": 1, "serial": serial, "rotated": bytes(2)}
    with pytest.raises(SerialUnknown):
        house.confirmations.finish(wire.CONFIRM_FINISH.encode(finish))


def test_a_serial_that_is_not_here_is_told_and_more_is_wanted(house: House) -> None:
    house.dealer.next_serial = 1000
    house.dealer.halves["provider"].clear()
    step = house.step(LISTED, ENTRY)
    begin = step.begin()
    with pytest.raises(SerialUnknown):
        house.confirmations.begin(begin)
    assert house.wanted == 1
    with pytest.raises(SerialUnknown):  # an old one: more from the dealer would be of no use
        house.confirmations.begin(begin_with(begin, 0))
    assert house.wanted == 1
    assert house.confirmations.used() == 0
    house.fill(1)
    finish = step.go_on(house.confirmations.begin(begin))
    assert isinstance(finish, bytes)
    assert step.bit(house.confirmations.finish(finish))


def test_a_confirmation_that_is_not_finished_in_time_is_forgotten(house: House) -> None:
    step = house.step(LISTED, ENTRY)
    finish = step.go_on(house.confirmations.begin(step.begin()))
    assert isinstance(finish, bytes)
    house.keeper.clocks.pass_ms(SESSION_MS)
    with pytest.raises(SerialUnknown):  # though nobody has tidied yet
        house.confirmations.finish(finish)
    house.confirmations.forget([house.manifest.epoch])
    assert house.count() == 0
    assert bit_of(house.confirmations, house.step(LISTED, ENTRY))


def test_a_released_bit_is_kept_for_a_repeat_until_its_epoch_ends(house: House) -> None:
    step = house.step(LISTED, ENTRY)
    finish = step.go_on(house.confirmations.begin(step.begin()))
    assert isinstance(finish, bytes)
    finished = house.confirmations.finish(finish)
    house.keeper.clocks.pass_ms(2 * SESSION_MS)
    house.confirmations.forget([house.manifest.epoch])
    assert house.confirmations.finish(finish) == finished
    house.confirmations.forget([])
    assert house.count() == 0


def test_what_finishing_needed_is_in_no_file_once_the_bit_is_released(house: House) -> None:
    step = house.step(LISTED, ENTRY)
    finish = step.go_on(house.confirmations.begin(step.begin()))
    assert isinstance(finish, bytes)
    with house.engine.connect() as connection:
        kept = connection.scalar(select(rows.c.kept))
    assert kept is not None
    table = wire.CONFIRM_KEPT.decode(kept)["table"]
    assert isinstance(table, bytes)
    assert files_with(house.keeper.folder, table)
    house.confirmations.finish(finish)
    assert empty_the_log(house.engine)
    assert files_with(house.keeper.folder, table) == []


def test_the_hourly_limit_holds_whoever_asks_and_over_restarts(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.custodian.test_confirming.PER_HOUR", 2)
    house = House(keeper)
    for entry in (1, 2):
        house.confirmations.begin(house.step(LISTED, entry).begin())
    with pytest.raises(ConfirmsSpent) as refused:
        house.open().begin(house.step(LISTED, 3).begin())
    assert 0 < refused.value.retry_after_seconds <= 3660
    house.keeper.clocks.pass_ms(HOUR_MS + 60_000)
    assert not bit_of(house.confirmations, house.step(LISTED, 3))


def test_what_is_asked_of_the_wrong_epoch_or_entry_is_refused_by_name(house: House) -> None:
    shares = shares_of(house.manifest, LISTED)
    cases: list[tuple[int, int, type[Exception]]] = [
        (house.manifest.epoch, 999, EntryNotListed),
        (house.manifest.epoch + 5, ENTRY, EpochNotPublished),
    ]
    for epoch, entry, error in cases:
        step = Confirming(house.dealer.for_provider(), shares, "split", epoch, entry)
        with pytest.raises(error):
            house.confirmations.begin(step.begin())
    with pytest.raises(MalformedMessage):
        house.confirmations.begin(b"junk")
    with pytest.raises(MalformedMessage):
        house.confirmations.finish(b"junk")
    assert house.confirmations.used() == 0


def test_an_entry_added_later_is_not_confirmed_in_an_older_epoch(house: House) -> None:
    house.keeper.add(1, seed=2)
    with pytest.raises(EntryNotListed):
        house.confirmations.begin(house.step(LISTED, 41).begin())


def test_an_ended_epoch_confirms_nothing_and_its_key_is_in_no_file(house: House) -> None:
    secret = a_book(house.keeper).confirm_secret(house.manifest.epoch)
    assert files_with(house.keeper.folder, secret)
    house.keeper.publish()
    house.keeper.clocks.pass_ms(HOUR_MS)
    with pytest.raises(EpochEnded):
        house.confirmations.begin(house.step(LISTED, ENTRY).begin())
    book = a_book(house.keeper)
    assert book.end_due("split", house.keeper.clocks.wall_ms) == [house.manifest.epoch]
    assert files_with(house.keeper.folder, secret) == []
    with pytest.raises(EpochEnded):
        book.confirm_secret(house.manifest.epoch)


def test_serials_that_the_provider_passed_over_are_thrown_away(house: House) -> None:
    house.fill(STRAGGLERS)
    passed_over, left = 50 + STRAGGLERS - 1, house.count(stock)
    house.dealer.fetch("provider", passed_over)
    bit_of(house.confirmations, house.step(LISTED, ENTRY))
    assert house.stock.count() == left - passed_over - 1
    assert house.count(stock) == STRAGGLERS


def test_another_dealers_serials_take_the_place_of_old_ones_of_the_same_number(
    house: House,
) -> None:
    house.dealer = Dealer()
    house.fill(50)
    assert bit_of(house.confirmations, house.step(LISTED, ENTRY))


def test_many_at_once_use_each_serial_once(house: House) -> None:
    steps = [house.step(moved(LISTED, 2 * i), ENTRY, key=bytes([i]) * 32) for i in range(20)]
    bits: dict[int, bool] = {}

    def run(number: int) -> None:
        bits[number] = bit_of(house.confirmations, steps[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bits == {number: 2 * number <= 31 for number in range(20)}
    assert house.confirmations.used() == 20


def test_the_stock_is_kept_filled_through_a_dealers_absence(house: House) -> None:
    log = io.StringIO()
    house.dealer.away = True
    keeping = StockKeeper(
        house.stock,
        lambda count: house.dealer.fetch("custodian", count),
        100,
        make_logger("custodian", log),
    )
    keeping.start()
    try:
        while "no dealt material" not in log.getvalue():
            time.sleep(0.01)
        assert house.stock.count() == 50
        house.dealer.away = False
        while house.stock.count() < 200:
            time.sleep(0.01)
    finally:
        keeping.stop()
    assert log.getvalue().count("no dealt material") == 1


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(house: House) -> None:
    with house.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
