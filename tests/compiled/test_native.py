"""Kernels: compiled once, then loaded without numba, by whoever may be trusted with them."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from softfall.compiled.native import Native
from tests.compiled import example_kernels

MODULE = example_kernels.__name__
ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOFTFALL_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def doubled_sum() -> Native:
    return Native(MODULE, "doubled_sum")


def answer(kernel: Native) -> int:
    """25, if all is well: twice (0 + 1 + 2 + 3 + 5), and 3."""
    return int(kernel(np.arange(4), 4, 5))


def process(code: str, *words: str, folder: Path = ROOT) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True, cwd=folder
    )


def told(code: str, *words: str, folder: Path = ROOT) -> str:
    started = process(code, *words, folder=folder)
    said, _ = started.communicate()
    assert started.returncode == 0
    return said


ASK = f"""
import sys
import numpy as np
from softfall.compiled.native import Native
kernel = Native({MODULE!r}, "doubled_sum")
compiled = kernel.ready()
print(kernel(np.arange(4), 4, 5), compiled, "numba" in sys.modules)
"""

EVERY_KERNEL = """
import sys
import numpy as np
from softfall.compiled.native import Native
from softfall.compiled.sources import kernels
compiled = [each for each in kernels() if Native(each.module, each.name).ready()]

from softfall.crypto import public_sums, ristretto
point = ristretto.point_from_wide(bytes(range(64)))
public_sums.weighted_sum([ristretto.scalar_from_wide(bytes(64 * [7]))] * 9, [point] * 9)
from softfall.options.on_device import construction
rows = np.array([[0, 8, 16, 24], [1, 9, 17, 25]], np.uint32)
assert len(construction.peel(rows, 32)[0]) == 2
from softfall.options.enclave import blocks, kernel
words, near = np.arange(8, dtype=np.uint64).reshape(2, 4), np.zeros(2, np.uint64)
kernel.scan(blocks.in_blocks(words), words, 31, near)
assert near.tolist() == [1, 1]
from softfall.media import fast, pdq_kernels
pixels = np.random.default_rng(1).integers(0, 256, (300, 200, 3), np.uint8)
pdq_kernels.spectrum(pixels)
fast.luminance_pdq(pixels[:, :, 0].copy())
print(compiled, "numba" in sys.modules)
"""


def test_a_later_process_runs_every_kernel_of_the_house_without_numba() -> None:
    told(EVERY_KERNEL)  # compiles what this machine has not seen yet
    assert told(EVERY_KERNEL).split("\n")[-2] == "[] False"


def test_the_second_process_finds_what_the_first_has_compiled(cache: Path) -> None:
    assert told(ASK) == "25 True True\n"
    assert told(ASK) == "25 False False\n"


def test_processes_at_once_compile_once_and_all_get_their_answer(cache: Path) -> None:
    started = [process(ASK) for _ in range(3)]
    said = sorted(each.communicate()[0] for each in started)
    assert said == ["25 False False\n", "25 False False\n", "25 True True\n"]


def test_threads_at_once_all_get_their_answer(cache: Path) -> None:
    kernel = doubled_sum()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: answer(kernel), range(64))) == [25] * 64


def test_a_forked_process_has_its_parents_kernels(cache: Path) -> None:
    kernel = doubled_sum()
    assert answer(kernel) == 25
    child = os.fork()
    if child == 0:
        os._exit(answer(kernel))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 25


PACKAGE = {
    "__init__.py": "",
    "limits.py": "ADDED = 1\n",
    "sum_kernel.py": """
from softfall.compiled.exported import exported
from made_up.limits import ADDED

@exported("int64(int64)")
def more(number):
    return number + ADDED
""",
}
MORE = "from softfall.compiled.native import Native; print(Native('made_up.sum_kernel', 'more')(1))"


def test_a_changed_constant_of_another_module_is_compiled_anew(cache: Path, tmp_path: Path) -> None:
    package = tmp_path / "made_up"
    package.mkdir()
    for name, source in PACKAGE.items():
        (package / name).write_text(source)
    assert told(MORE, folder=tmp_path) == "2\n"
    (package / "limits.py").write_text("ADDED = 100\n")
    assert told(MORE, folder=tmp_path) == "101\n"


@pytest.mark.parametrize("name", ["allocates", "raises"])
def test_a_kernel_that_would_need_python_is_refused_when_it_is_compiled(
    cache: Path, name: str
) -> None:
    with pytest.raises(TypeError, match=f"the kernel {name} calls .*may not make an array, raise"):
        Native(MODULE, name).ready()
    assert not list(cache.glob("tests.*"))


USE_ALL = f"""
import numpy as np
from softfall.compiled.native import Native
values = np.arange(2000, dtype=np.float64)
Native({MODULE!r}, "halve")(values, 2000)
blank = np.ones(5000)
Native({MODULE!r}, "clear")(blank, 5000)
print(values.sum(), blank.sum(), Native({MODULE!r}, "iterates")(np.arange(5), 5))
print(Native({MODULE!r}, "ratio")(1.0, 0.0), Native({MODULE!r}, "power")(2.0, 10.0))
"""


def test_what_a_kernel_leaves_to_c_is_found_in_a_later_process(cache: Path) -> None:
    """Filling memory and powers are C's; the end for errors, which never comes, is numba's."""
    assert told(USE_ALL) == told(USE_ALL) == "999500.0 0.0 10\ninf 1024.0\n"


@pytest.mark.parametrize(
    "array",
    [
        np.arange(4, dtype=np.int32),
        np.arange(8)[::2],
        np.arange(4, dtype=">i8"),
        np.frombuffer(bytes(33), np.uint8)[1:].view(np.int64),
    ],
)
def test_an_array_that_the_kernel_does_not_take_is_a_type_error(array: np.ndarray) -> None:
    with pytest.raises(TypeError, match="the kernel takes contiguous int64"):
        doubled_sum()(array, 4, 5)


def test_too_few_or_too_many_arguments_are_an_error_and_no_call() -> None:
    for arguments in ((np.arange(4), 4), (np.arange(4), 4, 5, 6)):
        with pytest.raises(ValueError, match="zip"):
            doubled_sum()(*arguments)
