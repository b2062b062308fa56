"""The on-device list as its custodian lays it out: whole at every instant, whatever is killed."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from softfall.custodian import distribution, list_publishing
from softfall.custodian.distribution import DistributionDamaged
from softfall.custodian.epochs import ArtefactDamaged, EpochBook, NoEpoch
from softfall.custodian.list_publishing import (
    ListNotLaidOut,
    TooManyVersions,
)
from softfall.custodian.publish import PublishFailed
from softfall.custodian.store import open_database
from softfall.lists import manifest as manifests
from softfall.lists.distribution import LIST_INDEX, TIMESTAMP, is_path
from tests.custodian.keeping import HOUR_MS, Keeper, a_hash, ask_epoch
from tests.custodian.list_client import described
from tests.custodian.list_keeping import (
    TERM_MS,
    changed,
    folder,
    keep,
    publish,
    publish_more,
    read,
    relist,
    repository,
    timestamp_version,
    withdraw,
)
from tests.custodian.segmented import keep_numbers


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_numbers(monkeypatch)


@pytest.fixture
def listed(keeper: Keeper) -> Keeper:
    """A custodian with an on-device epoch of 40 entries, numbered from 1."""
    publish(keeper)
    return keeper


def test_a_published_epoch_is_what_any_client_of_the_framework_fetches(listed: Keeper) -> None:
    fetched = read(listed)
    assert set(fetched) == {"on_device/1/0.segment", "on_device/1/epoch.manifest"}
    numbers = list(range(1, 41))
    assert fetched["on_device/1/0.segment"] == f"base 1 {numbers}".encode()
    manifest = manifests.verify(fetched["on_device/1/epoch.manifest"], listed.public_key)
    assert (manifest.option, manifest.epoch, manifest.entries) == ("on_device", 1, 40)
    assert described(listed.folder / "client")["on_device/1/0.segment"] == {
        "kind": "base",
        "entries": 40,
    }


def test_changes_become_one_small_segment_more(listed: Keeper) -> None:
    listed.add(2, seed=2)
    withdraw(listed, 3, 7)
    done = publish_more(listed)
    assert (done.epoch, done.version, done.added, done.withdrawn) == (1, 1, 2, 2)
    fetched = read(listed)
    assert fetched["on_device/1/1.segment"] == b"delta 1 1 +[41, 42] -[3, 7]"
    assert done.size_bytes == len(fetched["on_device/1/1.segment"])
    facts = described(listed.folder / "client")["on_device/1/1.segment"]
    assert facts == {"kind": "delta", "entries": 40}


def test_each_version_says_only_what_is_new_since_the_one_before(listed: Keeper) -> None:
    withdraw(listed, 5)
    publish_more(listed)
    listed.clocks.pass_ms(HOUR_MS)
    relist(listed, "1/4")  # entry 5 again
    withdraw(listed, 6)
    publish_more(listed)
    publish_more(listed)  # nothing has changed
    fetched = read(listed)
    assert fetched["on_device/1/1.segment"] == b"delta 1 1 +[] -[5]"
    assert fetched["on_device/1/2.segment"] == b"delta 1 2 +[5] -[6]"
    assert "on_device/1/3.segment" not in fetched


def test_the_newest_version_says_what_an_entry_stands_for(listed: Keeper) -> None:
    listed.add(1, seed=2)  # entry 41
    withdraw(listed, 3, 5)
    publish_more(listed)
    listed.clocks.pass_ms(HOUR_MS)
    relist(listed, "1/4")  # entry 5 again
    publish_more(listed)
    listed.add(1, seed=3)  # entry 42, of no version yet
    engine = open_database(listed.settings.data_dir)
    book = EpochBook.of(listed.settings, engine)
    told = {number: book.entry_hash(1, number) for number in (1, 3, 5, 41, 42, 99)}
    engine.dispose()
    assert told[1] == a_hash("1/0")
    assert told[5] == a_hash("1/4")
    assert told[41] == a_hash("2/0")
    assert told[42] is told[99] is None
    left = told[3]
    assert left is not None
    distances = [(int.from_bytes(left) ^ int.from_bytes(a_hash(f"1/{n}"))).bit_count()
                 for n in range(40)]  # fmt: skip
    assert min(distances) > 31, "it has left: no picture is near what it stands for"


def test_an_ended_epoch_leaves_no_segment_behind(listed: Keeper) -> None:
    withdraw(listed, 3)
    publish_more(listed)
    publish(listed)
    listed.clocks.pass_ms(2 * HOUR_MS)
    engine = open_database(listed.settings.data_dir)
    EpochBook.of(listed.settings, engine).end_due("on_device", listed.clocks.wall_ms)
    engine.dispose()
    left = {path.name for path in (listed.settings.data_dir / "epochs").iterdir()}
    assert left == {"on_device-2.artefact", "on_device-2.manifest", "on_device-1.manifest"}


def test_where_nothing_has_changed_nothing_is_published(listed: Keeper) -> None:
    before = sorted(path.name for path in folder(listed).rglob("*"))
    done = publish_more(listed)
    assert (done.version, done.added, done.withdrawn) == (0, 0, 0)
    assert not keep(listed)
    assert sorted(path.name for path in folder(listed).rglob("*")) == before


def test_a_new_epoch_begins_with_a_base_of_its_own(listed: Keeper) -> None:
    withdraw(listed, 1)
    publish_more(listed)
    second = publish(listed)
    fetched = read(listed)
    assert fetched[f"on_device/{second.epoch}/0.segment"].startswith(b"base 2 [2, 3,")
    assert "on_device/1/1.segment" in fetched, "the epoch before still answers for a while"
    withdraw(listed, 2)
    assert publish_more(listed).epoch == second.epoch
    assert read(listed)["on_device/2/1.segment"] == b"delta 2 1 +[] -[2]"


def test_an_ended_epochs_files_leave_the_repository(listed: Keeper) -> None:
    publish(listed)
    listed.clocks.pass_ms(2 * HOUR_MS)
    assert keep(listed)
    assert not [name for name in read(listed) if name.startswith("on_device/1/")]
    for _ in range(distribution.KEPT_VERSIONS):
        listed.add(1, seed=listed.clocks.wall_ms)
        publish_more(listed)
        listed.clocks.pass_ms(1000)
    assert not (folder(listed) / "targets/on_device/1").exists()


def test_before_the_first_epoch_there_is_nothing_to_change_or_to_mirror(keeper: Keeper) -> None:
    with pytest.raises(NoEpoch):
        publish_more(keeper)
    assert not keep(keeper)
    assert LIST_INDEX.decode(repository(keeper).index()) == {"files": []}


def test_an_epoch_takes_only_so_many_versions(
    listed: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_publishing, "MAX_VERSIONS", 2)
    withdraw(listed, 1)
    publish_more(listed)
    withdraw(listed, 2)
    with pytest.raises(TooManyVersions):
        publish_more(listed)
    assert publish(listed).entries == 38


def test_the_timestamp_is_renewed_once_a_quarter_of_its_term_has_passed(listed: Keeper) -> None:
    first = timestamp_version(listed)
    listed.clocks.pass_ms(TERM_MS // 4 - 1000)
    keep(listed)
    assert timestamp_version(listed) == first
    listed.clocks.pass_ms(2000)
    keep(listed)
    keep(listed)
    assert timestamp_version(listed) == first + 1
    read(listed)


def test_a_version_cannot_be_changed_once_it_is_published(listed: Keeper) -> None:
    withdraw(listed, 1)
    publish_more(listed)
    engine = open_database(listed.settings.data_dir)
    for change in (
        "UPDATE epoch_versions SET segment_bytes = 0",
        "DELETE FROM epoch_versions",
        "UPDATE epoch_changes SET listed = 1",
        "DELETE FROM epoch_changes",
    ):
        with pytest.raises(IntegrityError, match="frozen"), engine.begin() as connection:
            connection.execute(text(change))
    engine.dispose()


def test_metadata_that_cannot_be_read_is_named_and_never_guessed_at(listed: Keeper) -> None:
    (folder(listed) / TIMESTAMP).write_bytes(b"{")
    withdraw(listed, 1)
    with pytest.raises(DistributionDamaged):
        publish_more(listed)
    (folder(listed) / TIMESTAMP).unlink()
    publish_more(listed)  # as when the folder was lost: devices will see a version go back
    assert timestamp_version(listed) == 1


def test_a_damaged_segment_is_never_laid_out(listed: Keeper) -> None:
    shutil.rmtree(folder(listed) / "targets")
    for path in folder(listed).glob("metadata/*.targets.json"):
        assert path.exists()
    (listed.settings.data_dir / "epochs/on_device-1.artefact").write_bytes(b"rot")
    withdraw(listed, 1)
    with pytest.raises(ArtefactDamaged):
        publish_more(listed)


@pytest.mark.parametrize("fails_at", range(1, 7))
def test_wherever_the_disk_is_full_the_old_version_stays_and_the_next_run_makes_up_for_it(
    listed: Keeper, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    before = read(listed)
    changed(listed)
    left, real = [fails_at], os.fsync

    def fsync(descriptor: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises((PublishFailed, ListNotLaidOut), match="space"):
            publish_more(listed)
    during = read(listed)
    assert before.items() <= during.items()
    publish_more(listed)
    assert read(listed)["on_device/1/1.segment"] == b"delta 1 1 +[41] -[]"


# Publishes a change in a child of its own for each line that it reads.
PUBLISHER = """
import os, sys
from pathlib import Path
import pytest
from softfall.config import CustodianSettings
from softfall.custodian.publish import publish_changes
from tests.custodian.segmented import keep_numbers

keep_numbers(pytest.MonkeyPatch())
settings = CustodianSettings(data_dir=Path(sys.argv[1]))
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        publish_changes(settings, lambda *_: None, lambda: int(line))
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def test_a_publisher_killed_at_any_moment_leaves_a_whole_version_to_fetch(listed: Keeper) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, str(listed.settings.data_dir)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    ends, newest = set(), 0
    for kill_after_ms in [*range(0, 120, 8), None]:
        changed(listed)
        process.stdin.write(f"{listed.clocks.wall_ms}\n")
        child = int(process.stdout.readline())
        if kill_after_ms is not None:
            time.sleep(kill_after_ms / 1000)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        ends.add(int(process.stdout.readline()))
        versions = [name for name in read(listed) if name.endswith(".segment")]
        assert len(versions) - 1 >= newest, "one client, all the time: nothing goes back"
        newest = len(versions) - 1
    process.stdin.close()
    process.wait()
    assert ends == {0, signal.SIGKILL}, "some must have been killed, and some have finished"
    fetched = read(listed, "another client")
    came = b" ".join(fetched[f"on_device/1/{n}.segment"] for n in range(1, newest + 1))
    for number in range(41, 41 + 16):
        assert came.count(str(number).encode()) == 1, "each entry joined once"


def test_mirrors_are_told_every_file_and_get_nothing_else(listed: Keeper) -> None:
    app = listed.app()
    body = ask_epoch(app, "/v1/distribution").content
    files = LIST_INDEX.decode(body)["files"]
    assert isinstance(files, list)
    paths = {file["path"]: file["size_bytes"] for file in files if isinstance(file, dict)}
    on_disk = {
        path.relative_to(folder(listed)).as_posix(): path.stat().st_size
        for path in folder(listed).rglob("*")
        if path.is_file()
    }
    assert paths == on_disk
    for path in paths:
        answer = ask_epoch(app, f"/v1/distribution/{path}")
        assert (answer.status_code, answer.content) == (200, (folder(listed) / path).read_bytes())
    for path in (
        "metadata/9.root.json", "../identity.key", "..%2Fidentity.key",
        "metadata/..%2f..%2froot.key", "targets/../../root.key", "metadata/", "%2e%2e/root.key",
        "metadata/timestamp.json.part",
    ):  # fmt: skip
        answer = ask_epoch(app, f"/v1/distribution/{path}")
        assert answer.status_code == 404, path
        assert answer.json()["error"] in {"ListFileUnknown", "RouteUnknown"}


@pytest.mark.parametrize(
    "path", ["metadata/0.root.json", "metadata/1.mirrors.json", "targets/split/1/" + "0" * 64,
             "targets/on_device/1/" + "0" * 64 + ".01.segment", "metadata/timestamp.json\n",
             "targets/on_device/1/" + "g" * 64 + ".0.segment", "/metadata/timestamp.json"],
)  # fmt: skip
def test_a_path_that_no_list_has_is_none(path: str) -> None:
    assert not is_path(path)
