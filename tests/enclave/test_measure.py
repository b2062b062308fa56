"""The measurements: the same program measures the same, any other does not."""

import shutil
import sys
from pathlib import Path

import pytest

import softfall
from softfall.enclave import measure as measuring
from softfall.enclave.measure import PCR_BYTES, measure

KEY = bytes(range(32))


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package, copied, and measured in its place."""
    package = tmp_path / "softfall"
    shutil.copytree(
        Path(softfall.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    monkeypatch.setattr(softfall, "__file__", str(package / "__init__.py"))
    return package


def test_the_same_installation_measures_the_same() -> None:
    assert measure(KEY) == measure(KEY)
    assert {len(pcr) for pcr in measure(KEY).values()} == {PCR_BYTES}
    assert sorted(measure(KEY)) == [0, 1, 2]


def test_one_changed_byte_of_any_module_is_another_program(copy: Path) -> None:
    before = measure(KEY)
    changed = copy / "options" / "enclave" / "wire.py"
    changed.write_bytes(changed.read_bytes() + b"\n")
    after = measure(KEY)
    assert (after[0], after[2]) != (before[0], before[2])
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_a_module_more_or_a_module_renamed_is_another_program(copy: Path) -> None:
    before = measure(KEY)
    (copy / "enclave" / "extra.py").write_text("")
    more = measure(KEY)
    (copy / "enclave" / "extra.py").rename(copy / "enclave" / "other.py")
    assert len({before[0], more[0], measure(KEY)[0]}) == 3


def test_what_the_enclave_is_not_made_of_makes_no_difference(copy: Path) -> None:
    before = measure(KEY)
    for room in ("device", "provider", "options/split"):
        (copy / room / "extra.py").write_text("")
    assert measure(KEY) == before


def test_where_it_lies_and_what_was_compiled_make_no_difference(copy: Path) -> None:
    before = measure(KEY)
    (copy / "__pycache__").mkdir(exist_ok=True)
    (copy / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"compiled")
    assert measure(KEY) == before


def test_an_enclave_that_takes_anothers_lists_is_another_program() -> None:
    assert measure(KEY)[0] != measure(bytes(32))[0]
    assert measure(KEY)[2] == measure(bytes(32))[2]


def test_another_version_of_a_dependency_is_another_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = measure(KEY)
    installed = measuring._installed()
    upgraded = [line.replace(b"cryptography==", b"cryptography==1") for line in installed]
    assert upgraded != installed
    monkeypatch.setattr(measuring, "_installed", lambda: upgraded)
    after = measure(KEY)
    assert after[1] != before[1]
    assert after[0] != before[0]
    assert after[2] == before[2]


def test_everything_that_is_installed_is_named() -> None:
    named = {line.split(b"==")[0] for line in measuring._installed()}
    assert {b"softfall", b"cryptography", b"numba", b"llvmlite", b"seccompy", b"starlette"} <= named


def test_another_interpreter_is_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    before = measure(KEY)
    monkeypatch.setattr(sys, "version", sys.version + "1")
    assert measure(KEY)[1] != before[1]
