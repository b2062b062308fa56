"""When checkpoints are taken, and that they are on disk before anything relies on them."""

from pathlib import Path

import pytest

from softfall.audit import trail
from softfall.audit.checkpoints import NotACheckpoint, due, parse_checkpoint
from softfall.audit.keeping import Keeper, kept_checkpoints, read_checkpoints
from softfall.audit.keys import (
    KEY_FILE,
    AuditKeyUnusable,
    NotAPublicKey,
    load_key,
    load_or_make_key,
    parse_public_key,
    public_keys_of,
)
from softfall.store.transactions import Database

from .logs import chain, signed


def add(db: Database, count: int) -> None:
    with db.write() as tx:
        for _ in range(count):
            trail.append(tx, 1, "mira", "case.opened", "case-1")


def numbers(keeper: Keeper) -> list[int]:
    return [checkpoint.number for checkpoint in read_checkpoints(keeper.file)]


def test_a_checkpoint_is_taken_at_first_after_enough_lines_and_after_enough_time(
    db: Database, keeper: Keeper
) -> None:
    for lines, now_ms, expected in (
        (0, 0, []),  # nothing to sign
        (1, 0, [1]),
        (9, 59_999, [1]),
        (1, 59_999, [1, 11]),
        (1, 119_998, [1, 11]),
        (0, 119_999, [1, 11, 12]),
        (0, 10**9, [1, 11, 12]),  # nothing new
    ):
        add(db, lines)
        with db.write() as tx:
            keeper.take_if_due(tx, now_ms)
        assert numbers(keeper) == expected


def test_one_on_demand_may_follow_another_at_once(db: Database, keeper: Keeper) -> None:
    add(db, 2)
    for _ in range(3):
        with db.write() as tx:
            taken = keeper.take(tx, 5)
            assert taken is not None
            assert taken.signature_holds
    with db.read() as tx:
        assert kept_checkpoints(tx) == read_checkpoints(keeper.file)
    assert numbers(keeper) == [2, 2, 2]


def test_a_checkpoint_whose_transaction_fails_is_still_true(db: Database, keeper: Keeper) -> None:
    add(db, 2)

    def fail() -> None:
        with db.write() as tx:
            keeper.take(tx, 5)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    add(db, 1)
    with db.write() as tx:
        keeper.take_if_due(tx, 6)
    with db.read() as tx:
        kept = {line.number: line.hash for line in trail.read(tx)}
        assert [c.number for c in kept_checkpoints(tx)] == [3]
    assert [(c.number, c.hash) for c in read_checkpoints(keeper.file)] == [
        (2, kept[2]),
        (3, kept[3]),
    ]


@pytest.mark.parametrize(
    ("lines", "last_at_ms", "now_ms", "expected"),
    [
        (0, None, 0, False),
        (1, None, 0, True),
        (9, 0, 99, False),
        (10, 0, 0, True),
        (1, 0, 100, True),
        (1, 100, 0, False),  # a clock that was put back
    ],
)
def test_when_a_checkpoint_is_due(
    lines: int, last_at_ms: int | None, now_ms: int, expected: bool
) -> None:
    assert due(lines, last_at_ms, now_ms, every_lines=10, every_ms=100) is expected


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "[" * 9_000, '{"log":"a"}', "x"])
def test_what_is_no_checkpoint_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(NotACheckpoint):
        parse_checkpoint(text)
    (tmp_path / "file").write_text(text + "\n")
    with pytest.raises(NotACheckpoint, match="line 1"):
        read_checkpoints(tmp_path / "file")


def test_a_checkpoint_has_one_spelling(keeper: Keeper) -> None:
    text = signed(chain(1), 1, keeper.key).to_json()
    assert parse_checkpoint(text).to_json() == text
    for other in (text + " ", text.replace(":", ": ", 1), text.upper(), text[:-1] + ',"a":1}'):
        with pytest.raises(NotACheckpoint):
            parse_checkpoint(other)


def test_the_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    first = load_or_make_key(tmp_path / "data")
    assert load_or_make_key(tmp_path / "data").public_key == first.public_key
    assert (tmp_path / "data" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert public_keys_of(tmp_path / "data") == {first.public_key}
    assert public_keys_of(tmp_path) == frozenset()


def test_a_key_that_is_damaged_or_open_to_others_is_refused(tmp_path: Path) -> None:
    load_or_make_key(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(AuditKeyUnusable, match="others"):
        load_key(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o600)
    (tmp_path / KEY_FILE).write_bytes(b"damaged")
    with pytest.raises(AuditKeyUnusable):
        load_key(tmp_path)
    with pytest.raises(AuditKeyUnusable):
        load_key(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "ab", "zz" * 32, "ab" * 31 + " a", "ab" * 33])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(NotAPublicKey):
        parse_public_key(text)
