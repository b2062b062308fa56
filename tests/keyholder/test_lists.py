"""Which lists a keyholder takes, and what of them it keeps."""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from softfall.crypto import hpke
from softfall.keyholder.files import PART, KeyholderDiskFull
from softfall.keyholder.keys import rotate_key
from softfall.keyholder.lists import HintNotWanted, HintsMissing, KeyNotHeld
from softfall.lists import manifest as manifests
from softfall.lists.manifest import BadManifest, ManifestExpired, ManifestRolledBack
from softfall.options.homomorphic import listing
from softfall.options.homomorphic.listing import BadListVersion, VersionRolledBack
from softfall.options.homomorphic.parameters import HomomorphicParameters
from softfall.options.homomorphic.segments import BadListFile
from softfall.wire import MalformedMessage
from tests.options.homomorphic.parties import CUSTODIAN, EPOCH, random_hashes

from .house import DAY_MS, House

NEW = random_hashes(4, seed=50)
STRANGER = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a stranger").digest())


def versions(house: House) -> list[tuple[int, int]]:
    return [(held.epoch, held.list_version) for held in house.room.book.held()]


def hint_files(house: House) -> set[str]:
    return {path.name for path in (house.settings.data_dir / "hints").iterdir()}


def test_a_list_is_at_hand_once_its_hints_are_and_still_after_a_restart(bare: House) -> None:
    (held,) = [bare.room.book.take(bare.carried())]
    assert held.missing
    for digest in held.missing:
        bare.room.book.put_hint(digest, bare.parties.shelf.files[digest])
    for room in (bare.room, bare.open()):
        (told,) = room.book.held()
        assert (told.epoch, told.list_version, told.missing) == (EPOCH, 0, ())
        assert room.book.served(EPOCH, 0).rows == bare.parties.version.rows


def test_the_same_list_again_changes_nothing(house: House) -> None:
    assert not house.room.book.take(house.carried()).missing
    assert versions(house) == [(EPOCH, 0)]


def test_what_the_pinned_custodian_did_not_sign_is_refused(bare: House) -> None:
    told = manifests.read(bare.manifest())
    forged = manifests.sign(told, STRANGER.sign)
    with pytest.raises(BadManifest):
        bare.room.book.take(bare.carried(manifest=forged))
    other = listing.sign(bare.parties.version, STRANGER.sign)
    with pytest.raises(BadListVersion):
        bare.room.book.take(bare.carried(signed=other))
    with pytest.raises(MalformedMessage):
        bare.room.book.take(b"junk")
    assert versions(bare) == []


def test_another_option_another_epoch_and_an_ended_one_are_refused(bare: House) -> None:
    with pytest.raises(BadManifest, match="split"):
        bare.room.book.take(bare.carried(bare.manifest(option="split")))
    with pytest.raises(BadManifest, match="parameters"):
        bare.room.book.take(bare.carried(_with_parameters(bare, b"\x80")))
    with pytest.raises(BadListVersion, match="epoch 7"):
        bare.room.book.take(bare.carried(bare.manifest(epoch=8)))
    bare.now_ms = 20 * DAY_MS
    with pytest.raises(ManifestExpired):
        bare.room.book.take(bare.carried())
    assert versions(bare) == []


def _with_parameters(house: House, parameters: bytes) -> bytes:
    told = manifests.read(house.manifest())
    return manifests.sign(
        manifests.Manifest(
            told.option,
            told.epoch,
            b"",
            bytes(32),
            1,
            told.published_at_ms,
            told.expires_at_ms,
            parameters,
        ),
        CUSTODIAN.sign,
    )


def test_an_epoch_that_names_another_keyholders_key_is_refused(bare: House) -> None:
    other = HomomorphicParameters(bytes(32), hpke.public_of(bytes(hpke.SECRET_BYTES)))
    with pytest.raises(KeyNotHeld):
        bare.room.book.take(bare.carried(bare.manifest(other)))


def test_a_key_that_was_made_meanwhile_is_noticed(bare: House) -> None:
    made = rotate_key(bare.settings.data_dir)
    manifest = bare.manifest(HomomorphicParameters(bytes(32), made.public))
    assert bare.room.book.take(bare.carried(manifest)).epoch == EPOCH


def test_a_second_manifest_of_an_epoch_and_an_older_epoch_are_refused(house: House) -> None:
    with pytest.raises(ManifestRolledBack):
        house.room.book.take(house.carried(house.manifest(entries=1)))
    older = listing.ListVersion(EPOCH - 1, 0, 0, 1, ())
    signed = listing.sign(older, CUSTODIAN.sign)
    with pytest.raises(ManifestRolledBack):
        house.room.book.take(house.carried(house.manifest(epoch=EPOCH - 1), signed))


def test_versions_only_grow_also_after_a_restart(house: House) -> None:
    first = house.parties.versions[0]
    house.parties.change(added=[(1001, NEW[0])])
    second = house.parties.versions[1]
    house.carry()
    house.parties.change(added=[(1002, NEW[1])])
    house.carry()
    house.room.tidy()  # the first is replaced: two are kept
    assert versions(house) == [(EPOCH, 1), (EPOCH, 2)]
    twin = listing.ListVersion(EPOCH, 2, 0, 5, ())
    for room in (house.room, house.open()):
        room.book.take(house.carried(signed=second))  # known: nothing changes
        with pytest.raises(VersionRolledBack):
            room.book.take(house.carried(signed=first))
        with pytest.raises(VersionRolledBack):
            room.book.take(house.carried(signed=listing.sign(twin, CUSTODIAN.sign)))
    assert versions(house) == [(EPOCH, 1), (EPOCH, 2)]


def test_the_version_before_serves_until_the_next_has_its_hints(house: House) -> None:
    for number in (1, 2, 3):
        house.parties.change(added=[(1000 + number, NEW[number])])
        held = house.room.book.take(house.carried())
        house.room.tidy()
    assert held.missing
    assert versions(house) == [(EPOCH, 0), (EPOCH, 1), (EPOCH, 2), (EPOCH, 3)]
    house.room.book.served(EPOCH, 0)
    with pytest.raises(HintsMissing):
        house.room.book.served(EPOCH, 3)


def test_hints_that_no_version_needs_go(house: House) -> None:
    before = hint_files(house)
    for number in (1, 2):
        house.parties.change(added=[(1000 + number, NEW[number])], withdrawn=[number])
        house.carry()
        house.room.tidy()
    house.now_ms = 20 * DAY_MS
    assert house.room.tidy() == [EPOCH]
    assert before
    assert hint_files(house) == set()
    assert versions(house) == []


def test_only_hints_that_a_version_names_are_taken_and_only_whole(bare: House) -> None:
    (digest, *_) = bare.room.book.take(bare.carried()).missing
    content = bare.parties.shelf.files[digest]
    with pytest.raises(HintNotWanted):
        bare.room.book.put_hint(bytes(32), content)
    for wrong in (content[:-1], content + b"x", content[:-1] + b"\xff", b""):
        with pytest.raises(BadListFile):
            bare.room.book.put_hint(digest, wrong)
    assert bare.room.book.held()[0].missing
    bare.room.book.put_hint(digest, content)
    bare.room.book.put_hint(digest, content)


def test_a_hint_that_was_damaged_is_missing_again_and_can_be_carried_again(house: House) -> None:
    digest = house.parties.version.segments[0].hint_sha256
    path = house.settings.data_dir / "hints" / f"{digest.hex()}.hint"
    for damaged in (path.read_bytes()[:-4] + b"xxxx", path.read_bytes()[:100], b""):
        path.write_bytes(damaged)
        room = house.open()
        with pytest.raises(HintsMissing):
            room.book.served(EPOCH, 0)
        assert room.book.held()[0].missing == (digest,)
        room.book.put_hint(digest, house.parties.shelf.files[digest])
        room.book.served(EPOCH, 0)


def test_a_hint_of_other_blocks_than_its_version_says_serves_nothing(bare: House) -> None:
    """The custodian's own mistake: both the number and the digest are signed."""
    (segment, *others) = bare.parties.version.segments
    blocks = segment.blocks + 1
    wrong = listing.SegmentEntry(
        segment.rows_sha256, segment.hint_sha256, blocks, bytes(-(-blocks // 8))
    )
    version = listing.ListVersion(EPOCH, 0, 0, 1, (wrong, *others))
    for digest in bare.room.book.take(
        bare.carried(signed=listing.sign(version, CUSTODIAN.sign))
    ).missing:
        bare.room.book.put_hint(digest, bare.parties.shelf.files[digest])
    with pytest.raises(HintsMissing):
        bare.room.book.served(EPOCH, 0)


def test_what_a_kill_left_half_written_goes(house: House) -> None:
    left = house.settings.data_dir / "hints" / f"abc.hint{PART}"
    left.write_bytes(b"half")
    house.room.tidy()
    assert not left.exists()
    house.room.book.served(EPOCH, 0)


def test_a_full_disk_is_named_and_leaves_nothing(
    bare: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (digest, *_) = bare.room.book.take(bare.carried()).missing

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(KeyholderDiskFull):
        bare.room.book.put_hint(digest, bare.parties.shelf.files[digest])
    monkeypatch.undo()
    assert hint_files(bare) == set()
    bare.room.book.put_hint(digest, bare.parties.shelf.files[digest])


def test_a_key_is_destroyed_with_the_last_epoch_that_names_it_but_never_the_newest(
    house: House, tmp_path: Path
) -> None:
    old = house.settings.data_dir / "sealing-1.key"
    house.room.tidy()
    rotate_key(house.settings.data_dir)
    house.room.tidy()
    assert old.exists()
    house.now_ms = 20 * DAY_MS
    house.room.tidy()
    assert not old.exists()
    assert (house.settings.data_dir / "sealing-2.key").exists()
    assert len(house.room.key_digests()) == 1


def test_the_newest_key_outlives_its_epochs(house: House) -> None:
    house.now_ms = 20 * DAY_MS
    house.room.tidy()
    assert len(house.open().key_digests()) == 1
