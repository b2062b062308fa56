"""The provider's way to the hasher: whatever the process does, the provider is none the worse."""

import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from softfall.config import MediaLimits
from softfall.edge.confined import AT_ONCE, WAITING_AT_MOST, Afresh, Failed, PictureLimits
from softfall.edge.hashing import HasherProcess, LookupHasherProcess
from softfall.media.decode import decode
from softfall.media.hashed import Refused
from softfall.media.pdq import pdq
from softfall.media.query import query_hashes
from tests.media.picture_files import saved, scene

LIMITS = PictureLimits(100_000_000, 4 << 30)
PICTURE = saved(scene(), "JPEG")


def playing(code: str) -> HasherProcess:
    """A hasher that a picture has taken over, from its first line on."""
    return HasherProcess(LIMITS, Afresh((sys.executable, "-I", "-c", code)))


def test_a_picture_is_hashed_as_a_device_hashes_it() -> None:
    told = HasherProcess(LIMITS).hash(PICTURE, 60)
    assert told == pdq(decode(PICTURE, MediaLimits()).pixels)


TAKEN_OVER = {
    "ends at once": "",
    "crashes": "import os; os.abort()",
    "answers junk": "print('junk')",
    "answers without end": "import os, sys; sys.stdin.buffer.read()\n"
    "while True: os.write(1, bytes(65536))",
    "closes its ends and stays": "import os, time; os.close(0); os.close(1); time.sleep(600)",
}


@pytest.mark.parametrize("code", TAKEN_OVER.values(), ids=TAKEN_OVER)
def test_a_hasher_that_was_taken_over_costs_nothing_but_its_answer(code: str) -> None:
    told = playing(code).hash(PICTURE * 100, 60)
    assert isinstance(told, Refused)
    assert told.reason.startswith("the hasher broke down")


@pytest.mark.parametrize(
    "code",
    ["import time; time.sleep(600)", "while True: pass", "print('x' * 10_000_000)"],
    ids=["sleeps", "turns", "answers and does not listen"],
)
def test_a_hasher_that_does_not_end_is_ended(code: str) -> None:
    assert playing(code).hash(PICTURE * 1000, 0.5) == Refused("the hasher did not come to an end")


def test_nothing_of_the_providers_is_handed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "of the provider's")
    code = (
        "import os, sys\n"
        "from softfall.media.hashed import Refused, encode\n"
        "sys.stdin.buffer.read()\n"
        "held = sorted(os.listdir('/proc/self/fd'))\n"
        "kept = sorted(k for k in os.environ if k != 'LC_CTYPE')\n"  # Python's own, at its start
        "told = f'{os.getcwd()} {kept} {held}'\n"
        "os.write(1, encode(Refused(told)))"
    )
    with open("/etc/hostname", "rb"):  # noqa: PTH123 - a descriptor that must not be inherited
        told = playing(code).hash(PICTURE, 60)
    # Descriptor 3 is the listing's own.
    assert told == Refused("/ ['MALLOC_ARENA_MAX', 'OPENBLAS_NUM_THREADS'] ['0', '1', '2', '3']")


class Crowd:
    """Threads that each wait for a hasher which goes on only once it is let."""

    def __init__(self, folder: Path, count: int) -> None:
        self.go = folder / "go"
        code = "import os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.02)"
        self.hasher = HasherProcess(
            LIMITS, Afresh((sys.executable, "-I", "-c", code, str(self.go)))
        )
        self.told: list[object] = []
        self.threads = [threading.Thread(target=self._ask) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def disperse(self) -> list[object]:
        """What each was told."""
        self.go.touch()
        for thread in self.threads:
            thread.join()
        return self.told

    def _ask(self) -> None:
        self.told.append(self.hasher.hash(PICTURE, 250))


def test_no_more_than_two_run_at_once_and_the_others_wait_no_longer_than_they_may(
    tmp_path: Path,
) -> None:
    crowd = Crowd(tmp_path, AT_ONCE)
    while crowd.hasher._confined._room._value:
        time.sleep(0.01)
    assert crowd.hasher.hash(PICTURE, 0.1) == Refused("there was no time left")
    assert len(crowd.disperse()) == AT_ONCE
    assert crowd.hasher.hash(PICTURE, 0) == Refused("there was no time left")


def test_more_than_a_few_do_not_even_wait(tmp_path: Path) -> None:
    every = AT_ONCE + WAITING_AT_MOST
    crowd = Crowd(tmp_path, every)
    while crowd.hasher._confined._queue._value:
        time.sleep(0.01)
    assert crowd.hasher.hash(PICTURE, 60) == Refused("too many pictures wait already")
    told = crowd.disperse()
    assert len(told) == every
    assert all(isinstance(each, Refused) and "broke down" in each.reason for each in told)
    assert crowd.hasher._confined._queue._value == every


def test_a_hasher_that_does_not_start_is_told_of() -> None:
    missing = HasherProcess(LIMITS, Afresh(("/no/such/program",)))
    assert missing.hash(PICTURE, 5) == Refused(
        "the hasher does not start: No such file or directory"
    )


def bordered() -> bytes:
    """A picture in a wide black frame."""
    picture = scene()
    width, height = picture.size
    framed = Image.new("RGB", (width + 200, height + 200), "black")
    framed.paste(picture, (100, 100))
    return saved(framed, "PNG")


def test_for_a_lookup_a_picture_is_hashed_with_its_border_and_without() -> None:
    hasher = LookupHasherProcess(LIMITS)
    for picture, views in ((saved(scene(), "PNG"), 1), (bordered(), 2)):
        known = tuple(each.found for each in query_hashes(picture, MediaLimits()).hashes)
        assert len(known) == views
        assert hasher.ask(picture, 60) == known


def test_for_a_lookup_what_can_not_be_opened_is_refused_and_what_breaks_is_told_apart() -> None:
    hasher = LookupHasherProcess(LIMITS)
    told = hasher.ask(b"junk", 60)
    assert isinstance(told, tuple)
    assert [type(each) for each in told] == [Refused]
    crashes = LookupHasherProcess(
        LIMITS, Afresh((sys.executable, "-I", "-c", TAKEN_OVER["crashes"]))
    )
    broken = crashes.ask(PICTURE, 60)
    assert isinstance(broken, Failed)
    assert broken.reason.startswith("the hasher broke down")
