"""The list under `homomorphic`: what is laid out is the list, and a change touches little of it."""

import random
from pathlib import Path

import pytest

from softfall.custodian import homomorphic_lists
from softfall.custodian.catalogue import Catalogue
from softfall.custodian.epochs import ArtefactDamaged, EpochBook, NoEpoch
from softfall.custodian.publish import OptionHasNoVersions, publish_changes
from softfall.custodian.store import DataInUse, only_one, open_database
from softfall.edge.keyholder_key import KeyholderKeyUnusable
from softfall.lists.entries import Statement, ViewOf
from softfall.options.homomorphic import listing
from softfall.options.homomorphic.parameters import NAME, HomomorphicParameters, Mode
from tests.custodian.homomorphic_keeping import (
    KEYHOLDER_KEY,
    active,
    add,
    ask,
    files_of,
    keeper_on,
    publish,
    publish_more,
    see,
)
from tests.custodian.keeping import DAY_MS, HOUR_MS, Keeper, a_hash, ask_epoch
from tests.custodian.list_keeping import relist, withdraw


@pytest.fixture
def listed(tmp_path: Path) -> Keeper:
    """100 entries, numbered from 1: two full blocks, and four in a third."""
    return keeper_on(tmp_path)


def test_an_epoch_begins_with_the_whole_list_laid_out_and_signed(listed: Keeper) -> None:
    manifest = publish(listed)
    seen = see(listed, manifest)
    assert seen.entries == active(listed)
    assert (manifest.entries, seen.version.list_version) == (100, 0)
    assert seen.version.published_at_ms == listed.clocks.wall_ms
    artefact = ask_epoch(listed.app(), f"/v1/epochs/1/artefacts/{NAME}").content
    assert listing.verify(artefact, listed.public_key) == seen.version
    assert files_of(listed) == seen.digests, "nothing else lies there"


def test_an_empty_list_is_an_epoch_too_and_can_grow(tmp_path: Path) -> None:
    keeper = keeper_on(tmp_path, entries=0)
    manifest = publish(keeper)
    assert see(keeper, manifest).entries == {}
    keeper.add(2)
    assert publish_more(keeper).added == 2
    assert see(keeper, manifest).entries == active(keeper)


def test_an_epoch_says_what_the_settings_say_and_its_seed_is_fresh(tmp_path: Path) -> None:
    keeper = keeper_on(
        tmp_path, entries=1, homomorphic_mode="permuted", homomorphic_names_entry=False
    )
    first, second = (HomomorphicParameters.decode(publish(keeper).parameters) for _ in range(2))
    assert (first.mode, first.names_entry) == (Mode.PERMUTED, False)
    assert first.keyholder_key == second.keyholder_key == KEYHOLDER_KEY
    assert first.public_seed != second.public_seed


def test_without_a_keyholder_nothing_is_published(listed: Keeper) -> None:
    listed.settings.keyholder_key_file.unlink()
    with pytest.raises(KeyholderKeyUnusable):
        publish(listed)
    assert not (listed.settings.data_dir / "epochs").exists()


def test_a_change_lays_its_own_blocks_anew_and_leaves_the_others(listed: Keeper) -> None:
    manifest = publish(listed)
    before = see(listed, manifest)
    withdraw(listed, 3)  # in the first block
    listed.add(2, seed=2)
    done = publish_more(listed)
    assert (done.epoch, done.version, done.added, done.withdrawn) == (1, 1, 2, 1)
    after = see(listed, manifest)
    assert after.entries == active(listed)
    assert 3 not in after.entries
    assert after.version.list_version == 1
    kept = set(before.dummies) & set(after.dummies)
    assert len(kept) % 16 == 0, "a block goes on whole, or all of its dummy rows are new"
    assert 16 <= len(kept) < len(before.dummies)
    assert len(set(after.dummies)) == len(after.dummies)


def test_however_the_list_changes_the_newest_version_is_the_list(listed: Keeper) -> None:
    manifest = publish(listed)
    known, drawn = active(listed), random.Random(5)
    hashes = dict(known)
    for turn in range(2, 7):
        listed.clocks.pass_ms(HOUR_MS)
        withdraw(listed, *drawn.sample(sorted(known), drawn.randrange(0, 8)))
        gone = sorted(hashes.keys() - active(listed).keys())
        catalogue = Catalogue.open(listed.settings.data_dir)
        for number in drawn.sample(gone, len(gone) // 2):
            listed.clocks.pass_ms(1000)
            catalogue.add(Statement(hashes[number], "source"), listed.clocks.wall_ms)
        catalogue.close()
        add(listed, drawn.randrange(0, 60), seed=turn)
        publish_more(listed)
        known = active(listed)
        hashes |= known
        assert see(listed, manifest).entries == known


def test_views_are_entries_as_any_other_and_leave_with_their_picture(listed: Keeper) -> None:
    catalogue = Catalogue.open(listed.settings.data_dir)
    view = ViewOf(a_hash("1/0"), "mirror")
    catalogue.add(Statement(a_hash("view"), "source", view=view), listed.clocks.wall_ms)
    catalogue.close()
    manifest = publish(listed)
    assert see(listed, manifest).entries[101] == a_hash("view")
    listed.clocks.pass_ms(HOUR_MS)
    withdraw(listed, 1)
    assert publish_more(listed).withdrawn == 2
    assert not see(listed, manifest).entries.keys() & {1, 101}


def test_where_nothing_has_changed_nothing_is_published(listed: Keeper) -> None:
    publish(listed)
    before = files_of(listed)
    done = publish_more(listed)
    assert (done.version, done.added, done.withdrawn, done.size_bytes) == (0, 0, 0, 0)
    assert files_of(listed) == before


def test_files_that_only_old_versions_need_are_removed(listed: Keeper) -> None:
    manifest = publish(listed)
    seen = [see(listed, manifest)]
    for turn in range(2, 8):
        withdraw(listed, 10 * turn, 10 * turn + 5)
        add(listed, 50, seed=turn)
        publish_more(listed)
        seen.append(see(listed, manifest))
        needed = set().union(*(each.digests for each in seen[-homomorphic_lists.KEPT_VERSIONS :]))
        assert files_of(listed) == needed
    everything = set().union(*(each.digests for each in seen))
    assert files_of(listed) < everything, "some must have been removed"


def test_an_ended_epoch_leaves_no_file_behind_and_hands_out_none(listed: Keeper) -> None:
    first = publish(listed)
    digest = see(listed, first).version.segments[0].rows_sha256.hex()
    second = publish(listed)
    assert ask(listed.app(), f"/rows/{digest}").status_code == 200, "it still answers for a while"
    listed.clocks.pass_ms(2 * HOUR_MS)
    app = listed.app()
    ended = ask(app, f"/versions/{first.epoch}")
    assert (ended.status_code, ended.json()["error"]) == (410, "EpochEnded")
    assert ask(app, f"/rows/{digest}").status_code == 404
    engine = open_database(listed.settings.data_dir)
    book = EpochBook.of(listed.settings, engine)
    book.end_due(NAME, listed.clocks.wall_ms)
    engine.dispose()
    assert files_of(listed, first.epoch) == set()
    assert see(listed, second).entries == active(listed)


def test_an_epoch_that_has_ended_takes_no_changes(listed: Keeper) -> None:
    with pytest.raises(NoEpoch):
        publish_more(listed)
    publish(listed)
    listed.add(1, seed=2)
    listed.clocks.pass_ms(31 * DAY_MS)
    with pytest.raises(NoEpoch):
        publish_more(listed)


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
@pytest.mark.parametrize("what", ["version", "rows"])
def test_what_is_damaged_is_named_and_builds_no_version(
    listed: Keeper, what: str, damage: str
) -> None:
    manifest = publish(listed)
    seen = see(listed, manifest)
    epochs = listed.settings.data_dir / "epochs"
    names = {
        "version": f"{NAME}-1.artefact",
        "rows": f"{NAME}-1/{seen.version.segments[0].rows_sha256.hex()}",
    }
    path = epochs / names[what]
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        flipped = content[:-1] + bytes([content[-1] ^ 1])
        path.write_bytes(flipped if damage == "flipped" else content[:-1])
    listed.add(1, seed=2)
    with pytest.raises(ArtefactDamaged, match="epoch 1"):
        publish_more(listed)
    path.write_bytes(content)
    assert see(listed, manifest).version == seen.version, "the version before is still the newest"
    assert publish_more(listed).version == 1


def test_two_publishers_take_turns(listed: Keeper) -> None:
    publish(listed)
    listed.add(1, seed=2)
    with only_one(listed.settings.data_dir, "publish"), pytest.raises(DataInUse):
        publish_more(listed)
    assert publish_more(listed).version == 1


def test_only_some_options_have_versions_within_an_epoch(listed: Keeper) -> None:
    for option in ("split", "enclave"):
        with pytest.raises(OptionHasNoVersions):
            publish_changes(listed.settings, lambda *_: None, option=option)


def test_an_entry_that_left_and_came_back_is_one_entry(listed: Keeper) -> None:
    manifest = publish(listed)
    withdraw(listed, 7)
    publish_more(listed)
    listed.clocks.pass_ms(HOUR_MS)
    relist(listed, "1/6")
    assert publish_more(listed).added == 1
    assert see(listed, manifest).entries == active(listed)
