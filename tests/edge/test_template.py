"""The template that is forked for each picture: as apart from the service as a process made afresh.

Each picture plays a hasher that it has taken over: the template's program is one that a test
writes, run where the hasher's own would run, in the forked child.
"""

import errno
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from softfall.config import MediaLimits
from softfall.edge import template as edge
from softfall.edge.confined import PictureLimits
from softfall.edge.hashing import HasherProcess
from softfall.edge.template import Template
from softfall.media.decode import decode
from softfall.media.hashed import Refused
from softfall.media.pdq import PdqHash, pdq
from tests.edge.test_hashing import TAKEN_OVER
from tests.media.picture_files import saved, scene

LIMITS = PictureLimits(100_000_000, 4 << 30)
PICTURE = saved(scene(), "JPEG")
START = """
import os, sys
from softfall.hasher import template
template._load = lambda cache: None
def program(arguments):
    {code}
    return 0
template.main(sys.argv[1:], {{"hash": program}})
"""
TELL = """
from softfall.media.hashed import Refused, encode
os.write(1, encode(Refused(str(told))))
"""


def playing(code: str) -> HasherProcess:
    """A template whose child a picture has taken over, from its first line on."""
    lines = code.replace("\n", "\n    ")
    return HasherProcess(LIMITS, Template((sys.executable, "-I", "-c", START.format(code=lines))))


def telling(code: str) -> HasherProcess:
    """One that answers with what it puts into `told`."""
    return playing(f"sys.stdin.buffer.read()\n{code}{TELL}")


@pytest.fixture(scope="module")
def hasher() -> HasherProcess:
    return HasherProcess(LIMITS)


def template_of(hasher: HasherProcess) -> Template:
    found = hasher._confined._starter
    assert isinstance(found, Template)
    return found


def process_of(hasher: HasherProcess) -> int:
    running = template_of(hasher)._running
    assert running is not None
    return int(running._process.pid)


def test_one_picture_after_another_is_hashed_by_the_same_template(hasher: HasherProcess) -> None:
    known = pdq(decode(PICTURE, MediaLimits()).pixels)
    assert hasher.hash(PICTURE, 60) == known
    first = process_of(hasher)
    assert hasher.hash(PICTURE, 60) == known
    assert process_of(hasher) == first


def test_a_template_has_one_thread_and_no_descriptor_of_the_service(hasher: HasherProcess) -> None:
    with open("/etc/hostname", "rb"):  # noqa: PTH123 - a descriptor that must not be inherited
        template_of(hasher).distrust()
        hasher.hash(PICTURE, 60)
        of_template = Path(f"/proc/{process_of(hasher)}")
        held = [str(each.readlink()) for each in (of_template / "fd").iterdir()]
    assert len(list((of_template / "task").iterdir())) == 1
    assert not [each for each in held if not each.startswith(("socket:", "pipe:", "/dev/null"))]
    names = [
        line.partition(b"=")[0] for line in (of_template / "environ").read_bytes().split(b"\0")
    ]
    assert set(names) <= {b"MALLOC_ARENA_MAX", b"OPENBLAS_NUM_THREADS", b"LC_CTYPE", b""}


def test_nothing_of_the_services_is_handed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "of the provider's")
    code = (
        "held = sorted(os.listdir('/proc/self/fd'))\n"
        "kept = sorted(k for k in os.environ if k != 'LC_CTYPE')\n"  # Python's own, at its start
        "told = f'{os.getcwd()} {kept} {held}'"
    )
    # Descriptor 3 is the listing's own.
    assert telling(code).hash(PICTURE, 60) == Refused(
        "/ ['MALLOC_ARENA_MAX', 'OPENBLAS_NUM_THREADS'] ['0', '1', '2', '3']"
    )


@pytest.mark.parametrize("code", TAKEN_OVER.values(), ids=TAKEN_OVER)
def test_a_child_that_was_taken_over_costs_nothing_but_its_answer(code: str) -> None:
    told = playing(code or "pass").hash(PICTURE * 100, 60)
    assert isinstance(told, Refused)
    assert told.reason.startswith("the hasher broke down")


@pytest.mark.parametrize("code", ["import time; time.sleep(600)", "while True: pass"])
def test_a_child_that_does_not_end_is_ended(code: str) -> None:
    hasher = playing(code)
    template_of(hasher).start(("hash",), 60).kill()  # so that what is timed is not the loading
    assert hasher.hash(PICTURE * 1000, 0.5) == Refused("the hasher did not come to an end")


def test_what_one_picture_leaves_in_its_process_no_other_picture_finds() -> None:
    code = "told = getattr(os, 'left', 'nothing'); os.left = 'something'"
    hasher = telling(code)
    assert [hasher.hash(PICTURE, 60) for _ in range(3)] == [Refused("nothing")] * 3


def test_after_a_picture_that_broke_its_process_the_next_has_another_template() -> None:
    code = "told = os.getppid()\nif len(data) < 9: os.abort()"
    hasher = playing(f"data = sys.stdin.buffer.read()\n{code}{TELL}")
    before = hasher.hash(PICTURE, 60)
    assert hasher.hash(PICTURE, 60) == before
    broken = hasher.hash(b"short", 60)
    assert broken == Refused(f"the hasher broke down over it (status {-signal.SIGABRT})")
    assert hasher.hash(PICTURE, 60) != before


def test_a_template_that_was_killed_is_replaced(hasher: HasherProcess) -> None:
    known = hasher.hash(PICTURE, 60)
    os.kill(process_of(hasher), signal.SIGKILL)
    again = [hasher.hash(PICTURE, 60) for _ in range(2)]  # the first may still meet the dead one
    assert again[-1] == known


def test_a_template_serves_so_many_pictures_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "PICTURES_EACH", 2)
    hasher = telling("told = os.getppid()")
    told = [hasher.hash(PICTURE, 60) for _ in range(4)]
    assert told[0] == told[1] != told[2] == told[3]


def test_two_pictures_at_once_have_a_process_each(tmp_path: Path) -> None:
    meet = f"open({str(tmp_path)!r} + '/' + str(os.getpid()), 'w').close()\n"
    meet += f"import time\nwhile len(os.listdir({str(tmp_path)!r})) < 2: time.sleep(0.01)\n"
    hasher = telling(f"{meet}told = 'met'")
    told: list[object] = []
    threads = [
        threading.Thread(target=lambda: told.append(hasher.hash(PICTURE, 60))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [Refused("met")] * 2


def test_a_template_ends_with_whoever_started_it() -> None:
    hasher = telling("told = ''")
    hasher.hash(PICTURE, 60)
    process = process_of(hasher)
    del hasher
    for _ in range(500):
        if not Path(f"/proc/{process}").exists():
            break
        time.sleep(0.01)
    assert not Path(f"/proc/{process}").exists()


def test_a_template_that_does_not_start_is_told_of() -> None:
    missing = HasherProcess(LIMITS, Template(("/no/such/program",)))
    assert missing.hash(PICTURE, 5) == Refused(
        "the hasher does not start: No such file or directory"
    )
    ends = HasherProcess(LIMITS, Template((sys.executable, "-c", "")))
    told = ends.hash(PICTURE, 60)
    assert isinstance(told, Refused)
    assert told.reason.startswith("the hasher does not start")


@pytest.mark.parametrize(("what", "nth"), [("pipe", 1), ("pipe", 2), ("socketpair", 1)])
def test_a_service_out_of_descriptors_loses_none_of_those_it_had(
    hasher: HasherProcess, monkeypatch: pytest.MonkeyPatch, what: str, nth: int
) -> None:
    assert isinstance(hasher.hash(PICTURE, 60), PdqHash)  # its template runs
    place = os if what == "pipe" else socket
    make, made = getattr(place, what), 0

    def scarce(*arguments: object) -> object:
        nonlocal made
        made += 1
        if made == nth:
            raise OSError(errno.EMFILE, "Too many open files")
        return make(*arguments)

    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(place, what, scarce)
    with pytest.raises(OSError, match="Too many"):
        template_of(hasher).start(("hash",), 60)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
