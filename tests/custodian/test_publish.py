"""Publishing survives anything: the old epoch is current until the new one is whole."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from softfall.custodian import publish
from softfall.custodian.keys import IdentityUnusable
from softfall.custodian.publish import PublishFailed
from softfall.custodian.store import PART, DataInUse, only_one, open_database
from softfall.custodian.tables import epochs
from softfall.errors import OperatorError
from tests.custodian.keeping import Keeper, a_question, ask_answer, ask_epoch
from tests.custodian.test_epochs import a_book, artefacts, secret_of


def keys_stored(keeper: Keeper) -> int:
    engine = open_database(keeper.settings.data_dir)
    with engine.connect() as connection:
        found = connection.scalar(select(func.count(epochs.c.secret_key)))
    engine.dispose()
    return int(found or 0)


def check_old_epoch_intact(keeper: Keeper, epoch: int) -> None:
    current = a_book(keeper).current("split", keeper.clocks.wall_ms)
    assert current.number == epoch
    assert keys_stored(keeper) == 1


def test_each_epoch_has_a_key_of_its_own(keeper: Keeper) -> None:
    first, second = keeper.publish(), keeper.publish()
    assert first.entries == second.entries == 40
    assert first.public_key != second.public_key
    assert secret_of(keeper, first.epoch) != secret_of(keeper, second.epoch)
    assert first.artefact_sha256 != second.artefact_sha256


def test_progress_goes_up_to_the_end(keeper: Keeper) -> None:
    told: list[tuple[int, int]] = []
    publish.publish_epoch(keeper.settings, "split", lambda done, of: told.append((done, of)))
    assert told[-1][0] == told[-1][1] > 0
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
def test_a_full_disk_is_named_and_leaves_the_old_epoch_current(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch, code: int, step: str
) -> None:
    first = keeper.publish()

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    real_open = Path.open

    def open_with_no_room(path: Path, *how: Any, **more: Any) -> Any:
        return fail() if path.suffix == PART else real_open(path, *how, **more)

    with monkeypatch.context() as patch:
        patch.setattr(*{
            "write": (Path, "open", open_with_no_room),
            "fsync": (os, "fsync", fail),
            "rename": (Path, "replace", fail),
        }[step])  # fmt: skip
        with pytest.raises(PublishFailed, match=os.strerror(code)):
            keeper.publish()
    check_old_epoch_intact(keeper, first.epoch)
    assert artefacts(keeper) == [f"split-{first.epoch}.artefact"]
    assert ask_answer(keeper.app(), a_question(first).request.body).status_code == 200
    assert keeper.publish().epoch > first.epoch


def fill(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while os.write(descriptor, bytes(4096)):
            pass
    os.close(descriptor)
    assert shutil.disk_usage(path).free < 4096


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small file system")
def test_a_disk_that_is_truly_full_leaves_the_old_epoch_current(tmp_path: Path) -> None:
    mounted = tmp_path / "small"
    mounted.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(mounted)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        keeper = Keeper(mounted).set_up()
        first = keeper.publish()
        filling = mounted / "filling"
        fill(filling)
        # Room for the frozen set, none for the artefact and more: whichever step fails is named.
        os.truncate(filling, max(0, filling.stat().st_size - 8192))
        with pytest.raises(OperatorError, match=r"can't be|could not be"):
            keeper.publish()
        filling.unlink()
        check_old_epoch_intact(keeper, first.epoch)
        assert keeper.publish().epoch > first.epoch
    finally:
        subprocess.run(["umount", "-l", str(mounted)], check=True)


# Publishes in a child of its own for each line that it reads; prints the child's number, then how
# it ended.
PUBLISHER = """
import os, sys
from pathlib import Path
from softfall.config import CustodianSettings
from softfall.custodian.publish import publish_epoch

settings = CustodianSettings(data_dir=Path(sys.argv[1]))
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        publish_epoch(settings, "split", lambda *_: None, lambda: int(sys.argv[2]))
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def test_a_publisher_killed_at_any_moment_leaves_one_whole_epoch_current(keeper: Keeper) -> None:
    current = keeper.publish().epoch
    arguments = [str(keeper.settings.data_dir), str(keeper.clocks.wall_ms)]
    publisher = subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip
    assert publisher.stdin is not None
    assert publisher.stdout is not None
    ends = set()
    for kill_after_ms in [*range(0, 300, 15), None]:
        publisher.stdin.write("go\n")
        child = int(publisher.stdout.readline())
        if kill_after_ms is not None:
            time.sleep(kill_after_ms / 1000)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        end = int(publisher.stdout.readline())
        ends.add(end)
        newest = a_book(keeper).current("split", keeper.clocks.wall_ms)
        assert newest.number >= current
        if end == 0:
            assert newest.number > current
        assert a_book(keeper).artefact(newest)  # whole: its digest is the manifest's
        assert secret_of(keeper, newest.number)
        current = newest.number
    publisher.stdin.close()
    publisher.wait()
    assert ends == {0, signal.SIGKILL}, "some must have been killed, and some have finished"
    last = keeper.publish()
    live = {f"split-{epoch.number}.artefact" for epoch in a_book(keeper).published("split")}
    assert set(artefacts(keeper)) == live, "what killed runs left behind is cleared"
    assert ask_epoch(keeper.app(), "/v1/health").json()["epoch"] == last.epoch


@pytest.mark.parametrize("step", ["write_whole", "sign"])
def test_no_key_of_an_unpublished_epoch_is_ever_stored(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    first = keeper.publish()
    monkeypatch.setattr(publish, step, lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        keeper.publish()
    check_old_epoch_intact(keeper, first.epoch)


def test_two_publishers_take_turns(keeper: Keeper) -> None:
    with only_one(keeper.settings.data_dir, "publish"), pytest.raises(DataInUse):
        keeper.publish()
    keeper.publish()


def test_without_an_identity_nothing_is_published(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    keeper.add(2)
    with pytest.raises(IdentityUnusable):
        keeper.publish()
