"""What the vault keeps can be read by whoever has the key, altered by nobody, and forgotten."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url, select, update

from softfall.casework.evidence.tables import evidence, evidence_keys
from softfall.casework.evidence.vault import (
    EvidenceDamaged,
    EvidenceGone,
    EvidenceTooLarge,
    EvidenceUnknown,
    Vault,
    forget_case,
)
from softfall.casework.model import EvidenceKind
from softfall.messaging.envelope import MAX_PICTURE_BYTES
from tests.casework.evidence.room import Room
from tests.databases import Databases

one_room = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


def opened(room: Room, evidence_id: int, vault: Vault | None = None) -> bytes:
    with room.db.read() as tx:
        return (vault or room.vault).open(tx, evidence_id)


def alter(room: Room, evidence_id: int, **values: object) -> None:
    with room.db.write() as tx:
        tx.execute(update(evidence).where(evidence.c.row == evidence_id).values(values))


def sealed(room: Room, evidence_id: int) -> bytes:
    with room.db.read() as tx:
        found = select(evidence.c.sealed).where(evidence.c.row == evidence_id)
        return bytes(tx.execute(found).scalar_one())


@one_room
@given(body=st.binary(max_size=2000), kind=st.sampled_from(EvidenceKind))
def test_what_is_put_in_comes_out_and_is_not_what_is_kept(
    room: Room, body: bytes, kind: EvidenceKind
) -> None:
    case_row, _ = room.case()
    number = room.put(case_row, body, kind)
    assert opened(room, number) == body
    kept = sealed(room, number)
    assert len(kept) == len(body) + 28
    assert len(body) < 4 or body not in kept


@one_room
@given(data=st.data())
def test_one_altered_bit_anywhere_is_found(room: Room, data: st.DataObject) -> None:
    number = room.put(room.case()[0], b"words that nobody may change")
    kept = bytearray(sealed(room, number))
    kept[data.draw(st.integers(0, len(kept) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    alter(room, number, sealed=bytes(kept))
    with pytest.raises(EvidenceDamaged):
        opened(room, number)


@pytest.mark.parametrize("length", [0, 5, 12, 27])
def test_what_is_cut_short_is_found(room: Room, length: int) -> None:
    number = room.put(room.case()[0])
    alter(room, number, sealed=sealed(room, number)[:length])
    with pytest.raises(EvidenceDamaged):
        opened(room, number)


def test_one_piece_can_not_be_passed_for_another(room: Room) -> None:
    case_row, _ = room.case()
    mine, other = room.put(case_row, b"first"), room.put(case_row, b"second")
    alter(room, mine, sealed=sealed(room, other))
    with pytest.raises(EvidenceDamaged):
        opened(room, mine)
    alter(room, other, kind=EvidenceKind.TEXT)
    with pytest.raises(EvidenceDamaged):
        opened(room, other)


def test_a_piece_can_not_be_moved_to_another_case_not_even_with_its_key(room: Room) -> None:
    (here, _), (there, _) = room.case(), room.case()
    number = room.put(here)
    alter(room, number, case_row=there)
    with pytest.raises(EvidenceDamaged):
        opened(room, number)
    with room.db.write() as tx:
        keys = {row.case_row: row.wrapped_key for row in tx.execute(select(evidence_keys))}
        this = evidence_keys.c.case_row == there
        tx.execute(update(evidence_keys).where(this).values(wrapped_key=keys[here]))
    with pytest.raises(EvidenceDamaged):
        opened(room, number)


def test_another_master_key_opens_nothing(room: Room) -> None:
    number = room.put(room.case()[0])
    with pytest.raises(EvidenceDamaged):
        opened(room, number, Vault(bytes(32)))


def test_a_forgotten_case_opens_no_more_and_takes_nothing_in(room: Room) -> None:
    (case_row, _), (other_row, _) = room.case(), room.case()
    numbers, other = (room.put(case_row), room.put(case_row)), room.put(other_row)
    copy = sealed(room, numbers[0])
    with room.db.write() as tx:
        assert forget_case(tx, case_row, room.now_ms) == numbers
    with pytest.raises(EvidenceGone):
        opened(room, numbers[0])
    with pytest.raises(EvidenceGone):
        room.put(case_row)
    assert opened(room, other) == b"a harmless scene"
    # A copy of the ciphertext, kept by somebody, is no use either: put back, with a new key, it
    # doesn't open.
    alter(room, numbers[0], sealed=copy)
    with pytest.raises(EvidenceGone):
        opened(room, numbers[0])
    with room.db.write() as tx:
        room.vault.new_case_key(tx, case_row)
    with pytest.raises(EvidenceDamaged):
        opened(room, numbers[0])


def test_a_case_keeps_the_key_that_it_has(room: Room) -> None:
    case_row, _ = room.case()
    number = room.put(case_row)
    with room.db.write() as tx:
        room.vault.new_case_key(tx, case_row)
    assert opened(room, number) == b"a harmless scene"


def test_other_words_of_a_case_are_bound_to_it_and_to_their_use(room: Room) -> None:
    (case_row, _), (other_row, _) = room.case(), room.case()
    with room.db.read() as tx:
        kept = room.vault.seal(tx, case_row, "a draft's words", b"as written")
        assert room.vault.unseal(tx, case_row, "a draft's words", kept) == b"as written"
        with pytest.raises(EvidenceDamaged):
            room.vault.unseal(tx, case_row, "another use", kept)
        with pytest.raises(EvidenceDamaged):
            room.vault.unseal(tx, other_row, "a draft's words", kept)


def test_what_is_too_large_or_not_there_is_refused_by_name(room: Room) -> None:
    case_row, _ = room.case()
    with pytest.raises(EvidenceTooLarge):
        room.put(case_row, bytes(MAX_PICTURE_BYTES + 1))
    with pytest.raises(EvidenceUnknown):
        opened(room, 4711)
    assert room.rows(evidence) == []


def test_equal_values_have_equal_digests_that_tell_nothing_without_the_key() -> None:
    vault, other = Vault(bytes(32)), Vault(bytes([1] * 32))
    assert vault.keyed_digest(b"a picture") == Vault(bytes(32)).keyed_digest(b"a picture")
    assert vault.keyed_digest(b"a picture") != vault.keyed_digest(b"another")
    assert vault.keyed_digest(b"a picture") != other.keyed_digest(b"a picture")


def every_file(databases: Databases, room: Room) -> bytes:
    """All that the database has on disk."""
    if databases.kind == "sqlite":
        place = Path(make_url(str(room.db.engine.url)).database or "")
        return b"".join(each.read_bytes() for each in place.parent.iterdir() if each.is_file())
    databases.server.execute("CHECKPOINT")
    files = [each for each in databases.server.folder.rglob("*") if each.is_file()]
    return b"".join(each.read_bytes() for each in files)


def test_nothing_of_evidence_lies_on_the_disk_in_the_clear(
    databases: Databases, room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    words, pixels = b"planted words: 7f3a91c0", bytes(range(7, 77)) * 60
    (case_row, _), kept = room.case(), []
    kept.append(room.put(case_row, words, EvidenceKind.MESSAGE))
    kept.append(room.put(case_row, pixels))
    assert opened(room, kept[0]) == words
    alter(room, kept[0], label="a label, which is in the clear")
    on_disk = every_file(databases, room)
    assert b"a label, which is in the clear" in on_disk  # the search can find something
    assert sealed(room, kept[0]) in on_disk
    assert words not in on_disk
    assert pixels[:70] not in on_disk
    assert "planted" not in caplog.text
