"""Lists laid into blocks: dummies are fresh, changes touch what they must, versions are signed."""

from dataclasses import replace

import numpy as np
import pytest

from softfall.crypto.lattice.hint import make_hint
from softfall.crypto.lattice.public import public_elements
from softfall.options.homomorphic import listing, wire
from softfall.options.homomorphic.custodian import NothingIsAsked
from softfall.options.homomorphic.laying import BadEntryNumbers, Entries, lay
from softfall.options.homomorphic.listing import (
    BadListVersion,
    ListVersion,
    SegmentEntry,
    VersionRolledBack,
)
from softfall.options.homomorphic.segments import (
    LIST_ROWS,
    NO_ENTRY,
    BadListFile,
    Rows,
    encode_hint,
    encode_rows,
    hint_file_bytes,
    read_hint,
    read_rows,
    rows_file_bytes,
)
from softfall.wire import MalformedMessage
from tests.options.homomorphic.parties import (
    CUSTODIAN,
    EPOCH,
    PUBLIC_SEED,
    SIGNER,
    Parties,
    random_hashes,
    random_source,
)

COUNT = 500


def numbered(count: int, seed: int = 3) -> dict[int, bytes]:
    return dict(enumerate(random_hashes(count, seed)))


def living(parties: Parties) -> Rows:
    """All living blocks of the newest version, in order."""
    parts = zip(parties.version.segments, parties.rows_of(parties.version), strict=True)
    chosen = [rows.chosen(segment.live) for segment, rows in parts]
    return Rows(
        np.concatenate([rows.hashes for rows in chosen]),
        np.concatenate([rows.numbers for rows in chosen]),
    )


def entries_in(rows: Rows) -> dict[int, bytes]:
    return {
        int(number): rows.hashes[block, place].tobytes()
        for (block, place), number in np.ndenumerate(rows.numbers)
        if number != NO_ENTRY
    }


def dummies_in(rows: Rows) -> set[bytes]:
    return {row.tobytes() for row in rows.hashes[:, LIST_ROWS:].reshape(-1, wire.HASH_BYTES)}


def test_a_list_holds_its_entries_each_once() -> None:
    parties = Parties(numbered(COUNT))
    assert entries_in(living(parties)) == parties.listed
    assert parties.version == replace(parties.version, epoch=EPOCH, list_version=0, entries=COUNT)


def test_every_block_has_sixteen_dummy_rows_of_its_own_random_bits() -> None:
    rows = living(Parties(numbered(COUNT)))
    assert len(dummies_in(rows)) == 16 * len(rows)
    bits = np.unpackbits(rows.hashes[:, LIST_ROWS:])
    # A fair coin's share of ones leaves this range with a chance below 2^-40.
    assert abs(bits.mean() - 0.5) < 7.5 * 0.5 / bits.size**0.5


def test_empty_places_hold_random_rows_and_no_number() -> None:
    rows = lay(Entries.of([(4, b"\x01" * 32)]), random_source(2))
    assert rows.numbers[0].tolist() == [4] + [NO_ENTRY] * 47
    assert len({row.tobytes() for row in rows.hashes[0]}) == 64


def test_a_changed_block_is_laid_anew_with_fresh_dummies_and_the_others_stay() -> None:
    parties = Parties(numbered(COUNT))
    before = living(parties)
    parties.change([(900, random_hashes(1, seed=9)[0])], [3, 100])
    after = living(parties)
    kept = {block.tobytes() for block in before.hashes} & {b.tobytes() for b in after.hashes}
    # Entries 3 and 100 lie in blocks 0 and 2; the last block, of 500 - 10 * 48 = 20, is sparse.
    assert len(before) == 11
    assert len(kept) == 8
    fresh = Rows(
        np.array([b for b in after.hashes if b.tobytes() not in kept]),
        np.array(
            [n for b, n in zip(after.hashes, after.numbers, strict=True) if b.tobytes() not in kept]
        ),
    )
    assert dummies_in(fresh).isdisjoint(dummies_in(before))
    assert len(dummies_in(fresh)) == 16 * len(fresh)
    assert entries_in(after) == parties.listed


def test_over_many_changes_no_dummy_row_ever_serves_two_different_blocks() -> None:
    parties = Parties(numbered(COUNT))
    rng, owner, number = np.random.default_rng(1), dict[bytes, bytes](), 10_000
    for _ in range(12):
        gone = rng.choice(sorted(parties.listed), size=6, replace=False).tolist()
        new = [(number + i, rng.bytes(32)) for i in range(int(rng.integers(0, 9)))]
        number += 10
        parties.change(new, gone)
        rows = living(parties)
        assert entries_in(rows) == parties.listed
        for block in rows.hashes:
            for dummy in block[LIST_ROWS:]:
                assert owner.setdefault(dummy.tobytes(), block.tobytes()) == block.tobytes()


def test_hints_are_those_of_the_living_rows_after_any_change() -> None:
    parties = Parties(numbered(300))
    parties.change([(900, random_hashes(1, seed=9)[0])], [3])
    parties.change([], list(range(50, 250)))
    public = public_elements(PUBLIC_SEED)
    rows, hints = parties.rows_of(parties.version), parties.hints_of(parties.version)
    for own, hint in zip(rows, hints, strict=True):
        assert (make_hint(np.ascontiguousarray(own.hashes), public) == hint).all()


def test_single_changes_do_not_pile_up_blocks_or_segments() -> None:
    parties = Parties(numbered(COUNT))
    for step in range(30):
        parties.change([(5000 + step, random_hashes(1, seed=step)[0])], [step])
    assert parties.version.blocks <= COUNT // 24 + 1
    assert len(parties.version.segments) <= 6
    assert entries_in(living(parties)) == parties.listed
    stored = sum(segment.blocks for segment in parties.version.segments)
    assert parties.version.blocks >= stored * 0.6


def test_numbers_that_do_not_fit_the_list_are_refused_and_nothing_is_made() -> None:
    parties = Parties(numbered(60))
    other = random_hashes(1, seed=5)[0]
    refused = [([(3, other)], []), ([], [77]), ([(90, other), (90, other)], []), ([], [4, 4])]
    refused.append(([(2**32 - 1, other)], []))
    kept = dict(parties.shelf.files)
    for added, withdrawn in refused:
        with pytest.raises(BadEntryNumbers):
            parties.change(added, withdrawn)
    with pytest.raises(MalformedMessage):
        parties.change([(90, other[:-1])], [])
    assert parties.shelf.files == kept


def test_a_number_that_was_withdrawn_may_be_listed_again() -> None:
    parties = Parties(numbered(60))
    parties.change([], [7])
    parties.change([(7, random_hashes(1, seed=5)[0])], [])
    assert entries_in(living(parties)) == parties.listed


def test_a_damaged_file_stops_the_next_version_by_name() -> None:
    parties = Parties(numbered(60))
    digest = parties.version.segments[0].rows_sha256
    file = bytearray(parties.shelf.files[digest])
    file[1000] ^= 1
    parties.shelf.files[digest] = bytes(file)
    with pytest.raises(BadListFile):
        parties.change([], [7])


def test_devices_questions_are_refused() -> None:
    custodian = Parties(numbered(1)).custodian
    for ask in (custodian.answer, custodian.cost):
        with pytest.raises(NothingIsAsked):
            ask(b"")


def test_progress_counts_up_to_all() -> None:
    parties = Parties(numbered(1))
    seen: list[tuple[int, int]] = []
    parties.custodian.prepare(numbered(100).items(), lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 100)
    assert seen[-1] == (100, 100)
    seen.clear()
    added = [(n + 1000, pdq) for n, pdq in numbered(100).items()]
    parties.custodian.extend(
        parties.version, added, [], lambda done, all_: seen.append((done, all_))
    )
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1] == 3


# ---- Segments' files


ROWS = lay(Entries.of(numbered(70).items()), random_source(4))
HINT = make_hint(ROWS.hashes, public_elements(PUBLIC_SEED))


def test_a_segments_files_are_read_as_written() -> None:
    rows, hint = encode_rows(ROWS), encode_hint(HINT)
    assert (read_rows(rows).hashes == ROWS.hashes).all()
    assert (read_rows(rows).numbers == ROWS.numbers).all()
    assert (read_hint(hint) == HINT).all()
    assert (len(rows), len(hint)) == (rows_file_bytes(2), hint_file_bytes(2))


@pytest.mark.parametrize("file", [encode_rows(ROWS), encode_hint(HINT)], ids=["rows", "hint"])
def test_a_cut_overlong_or_foreign_file_is_refused(file: bytes) -> None:
    reader = read_rows if file.startswith(b"SFHROWS") else read_hint
    foreign = encode_hint(HINT) if reader is read_rows else encode_rows(ROWS)
    many = file[:8] + b"\xff\xff\xff\xff" + file[12:]
    for bad in (b"", file[:63], file[:-1], file + b"x", b"x" + file[1:], many, foreign):
        with pytest.raises(BadListFile):
            reader(bad)
    with pytest.raises(BadListFile):
        reader(file, bytes(32))


# ---- Signed versions


def a_version(**changes: object) -> ListVersion:
    live = np.array([True, False, True])
    told = ListVersion(EPOCH, 3, 90, 5, (SegmentEntry.of(bytes(32), b"h" * 32, live),))
    return replace(told, **changes)  # type: ignore[arg-type]


def test_a_version_is_read_as_it_was_signed() -> None:
    body = listing.sign(a_version(), CUSTODIAN.sign)
    assert listing.verify(body, SIGNER, epoch=EPOCH) == a_version() == listing.read(body)
    assert (a_version().blocks, a_version().rows) == (2, 96)
    assert a_version().segments[0].live.tolist() == [True, False, True]


def test_another_signature_epoch_or_form_is_refused() -> None:
    body = listing.sign(a_version(), CUSTODIAN.sign)
    for at in (20, len(body) - 1):
        bad = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        with pytest.raises(BadListVersion):
            listing.verify(bad, SIGNER)
    for key in (bytes(32), b"", SIGNER[::-1]):
        with pytest.raises(BadListVersion):
            listing.verify(body, key)
    with pytest.raises(BadListVersion):
        listing.verify(body, SIGNER, epoch=EPOCH + 1)
    for bad in (b"", body[:-1], body + b"x"):
        with pytest.raises(BadListVersion):
            listing.read(bad)


def test_a_version_that_contradicts_itself_is_refused_although_signed() -> None:
    segment = a_version().segments[0]
    for bad in (
        a_version(entries=97),
        a_version(segments=(replace(segment, dead=b"\x41"),)),
        a_version(segments=(replace(segment, dead=b""),)),
        a_version(segments=(replace(segment, dead=b"\x40\x00"),)),
    ):
        with pytest.raises(BadListVersion):
            listing.verify(listing.sign(bad, CUSTODIAN.sign), SIGNER)


def test_an_older_version_and_a_second_of_one_number_are_refused() -> None:
    seen = listing.sign(a_version(), CUSTODIAN.sign)
    assert listing.verify(seen, SIGNER, seen=seen) == a_version()
    newer = listing.sign(a_version(list_version=4), CUSTODIAN.sign)
    assert listing.verify(newer, SIGNER, seen=seen).list_version == 4
    for bad in (a_version(list_version=2), a_version(entries=91)):
        with pytest.raises(VersionRolledBack):
            listing.verify(listing.sign(bad, CUSTODIAN.sign), SIGNER, seen=seen)


def test_a_versions_files_are_told_by_digest() -> None:
    assert listing.digests([a_version(), a_version(list_version=4)]) == {bytes(32), b"h" * 32}


def test_a_signature_over_a_version_serves_no_manifest() -> None:
    signed: list[bytes] = []
    listing.sign(a_version(), lambda text: signed.append(text) or bytes(64))
    assert signed[0].startswith(b"softfall homomorphic version v1|")
