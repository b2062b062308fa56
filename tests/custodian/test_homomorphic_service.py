"""The real service under `homomorphic`, over HTTPS; publishing that is killed or has no room."""

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

import httpx
import pytest

from softfall.custodian.clock import wall_ms
from softfall.custodian.publish import PublishFailed
from softfall.custodian.store import PART
from softfall.edge.tls import client_context
from softfall.errors import OperatorError
from softfall.options.homomorphic import listing
from tests.custodian.homomorphic_keeping import (
    ROUTES,
    active,
    add,
    files_of,
    keeper_on,
    publish,
    publish_more,
    see,
)
from tests.custodian.keeping import Keeper
from tests.custodian.list_keeping import withdraw
from tests.custodian.test_main import provider, running
from tests.custodian.test_publish import fill


def test_the_service_hands_its_list_to_the_provider_and_not_to_the_keyholder(
    tmp_path: Path,
) -> None:
    keeper = keeper_on(tmp_path)
    keeper.clocks.wall_ms = wall_ms()
    manifest = publish(keeper)
    version = f"{ROUTES}/versions/{manifest.epoch}"
    with running(keeper) as (url, process), provider(keeper, url) as client:
        first = listing.verify(client.get(version).content, keeper.public_key)
        rows = f"{ROUTES}/rows/{first.segments[0].rows_sha256.hex()}"
        hints = f"{ROUTES}/hints/{first.segments[0].hint_sha256.hex()}"
        assert client.get(rows).status_code == client.get(hints).status_code == 200
        others = client_context(keeper.settings.tls_dir, "keyholder")
        with httpx.Client(base_url=url, verify=others, timeout=60) as keyholder:
            for path in (version, rows, hints):
                refused = keyholder.get(path)
                assert (refused.status_code, refused.json()["error"]) == (401, "NotTheProvider")
            assert keyholder.post("/v1/lookup", content=b"").status_code == 401

        add(keeper, 2, seed=2)
        publish_more(keeper)  # while the service runs
        second = listing.verify(client.get(version).content, keeper.public_key)
        assert (second.list_version, second.entries) == (1, 102)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    log = (keeper.folder / "log").read_text()
    assert log.count('"event": "request"') == 8
    for secret in (*(pdq.hex() for pdq in active(keeper).values()), rows[-64:], keeper.token):
        assert secret not in log


# Publishes in a child of its own for each line that it reads; prints the child's number, then how
# it ended.
PUBLISHER = """
import os, sys
from pathlib import Path
from softfall.config import CustodianSettings
from softfall.custodian.publish import publish_changes, publish_epoch

settings = CustodianSettings(data_dir=Path(sys.argv[1]), keyholder_key_file=Path(sys.argv[2]))
clock = lambda: int(sys.argv[3])
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        if line == "epoch\\n":
            publish_epoch(settings, "homomorphic", lambda *_: None, clock)
        else:
            publish_changes(settings, lambda *_: None, clock, "homomorphic")
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@pytest.mark.parametrize("what", ["epoch", "changes"])
def test_a_publisher_killed_at_any_moment_leaves_a_whole_list(tmp_path: Path, what: str) -> None:
    keeper = keeper_on(tmp_path)
    current = publish(keeper)
    settings = keeper.settings
    arguments = [str(settings.data_dir), str(settings.keyholder_key_file)]
    publisher = subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, *arguments, str(keeper.clocks.wall_ms)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip
    assert publisher.stdin is not None
    assert publisher.stdout is not None
    ends, kill_after_ms = set(), 0
    for seed in range(2, 200):
        add(keeper, 1, seed)
        publisher.stdin.write(f"{what}\n")
        child = int(publisher.stdout.readline())
        time.sleep(kill_after_ms / 1000)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        end = int(publisher.stdout.readline())
        ends.add(end)
        before = current
        current = _current(keeper)
        assert current.epoch >= before.epoch
        seen = see(keeper, current)
        assert set(seen.entries.items()) <= set(active(keeper).items())
        if end == 0:
            assert seen.entries == active(keeper)
            break
        kill_after_ms += 15 if kill_after_ms < 150 else kill_after_ms // 3
    publisher.stdin.close()
    publisher.wait()
    assert ends == {0, signal.SIGKILL}, "some must have been killed, and one has finished"
    current = publish(keeper)
    assert see(keeper, current).entries == active(keeper)
    assert files_of(keeper, current.epoch) == see(keeper, current).digests
    # Of epochs that never came to be nothing is left: they have a folder or none, and no manifest.
    folders = {path for path in (settings.data_dir / "epochs").iterdir() if path.is_dir()}
    artefacts = {path.with_suffix("") for path in settings.data_dir.glob("epochs/*.artefact")}
    assert folders == artefacts


def _current(keeper: Keeper) -> Any:
    from softfall.lists.manifest import read
    from tests.custodian.keeping import ask_epoch

    return read(ask_epoch(keeper.app(), "/v1/epochs/current?option=homomorphic").content)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
@pytest.mark.parametrize("file", range(3))
def test_a_full_disk_is_named_and_leaves_the_version_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: int, step: str, code: int
) -> None:
    """file: how many files find room before: rows, hint, version."""
    keeper = keeper_on(tmp_path, entries=3)
    manifest = publish(keeper)
    before = see(keeper, manifest)
    withdraw(keeper, 1)
    left = [file]

    def full(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    def when_full(real: Any, counts: Any) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            if counts(*arguments):
                left[0] -= 1
                if left[0] < 0:
                    return full()
            return real(*arguments, **more)

        return call

    # Of each file the folder is synced too, after it has its name.
    is_file = lambda descriptor: not os.path.isdir(f"/proc/self/fd/{descriptor}")  # noqa: E731, PTH112
    with monkeypatch.context() as patch:
        patch.setattr(*{
            "write": (Path, "open", when_full(Path.open, lambda path, *_: path.suffix == PART)),
            "fsync": (os, "fsync", when_full(os.fsync, is_file)),
            "rename": (Path, "replace", when_full(Path.replace, lambda *_: True)),
        }[step])  # fmt: skip
        with pytest.raises(PublishFailed, match=os.strerror(code)):
            publish_more(keeper)
    assert see(keeper, manifest).version == before.version
    assert publish_more(keeper).withdrawn == 1
    after = see(keeper, manifest)
    assert after.entries == active(keeper)
    assert files_of(keeper) == before.digests | after.digests


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small file system")
def test_a_disk_that_is_truly_full_leaves_the_version_before(tmp_path: Path) -> None:
    mounted = tmp_path / "small"
    mounted.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3000k", "tmpfs", str(mounted)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        keeper = keeper_on(mounted)
        manifest = publish(keeper)
        add(keeper, 200, seed=2)
        before = see(keeper, manifest)
        filling = mounted / "filling"
        fill(filling)
        os.truncate(filling, max(0, filling.stat().st_size - 16384))
        with pytest.raises(OperatorError, match=r"can't be|could not be"):
            publish_more(keeper)
        filling.unlink()
        assert see(keeper, manifest).version == before.version
        assert publish_more(keeper).added == 200
        assert see(keeper, manifest).entries == active(keeper)
        assert shutil.disk_usage(mounted).free > 0
    finally:
        subprocess.run(["umount", "-l", str(mounted)], check=True)
