"""The user's cache folder of compiled kernels: one file a kernel, read and written here.

Guarantees: what `read` returns is whole, of these very sources and versions, for this processor,
and from a folder and a file that nobody but this user (or the machine's administrator) can write
to; anything else counts as absent. `write` leaves a whole file or none, whoever else writes at the
same time. Files that nothing has used for a month are removed when one is written, so that those
of earlier versions don't pile up.
Never raises: a folder that is missing, full, read-only or not to be trusted costs time, not an
answer (`trouble` says what is wrong with it).
Limits: whoever can write as this user decides what this process executes, as with any program's
own files. The digest tells a damaged file, not a forged one.
Source: the XDG base directory specification, for where the folder lies.
"""

import fcntl
import hashlib
import importlib
import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

_DIGEST_BYTES: Final = 32
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_DAY_S: Final = 24 * 3600
_UNUSED_S: Final = 30 * _DAY_S
_UNFINISHED: Final = ".part"
_TRIES: Final = 1200
_TRY_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Code:
    """A compiled kernel.

    symbol: its function's name in `code`, an object file. result, arguments: the types' names, as
    its signature has them. never_called: functions that `code` names and never calls. sources: the
    modules that it was compiled from, with the SHA-256 of each file in hex.
    """

    symbol: str
    result: str
    arguments: tuple[str, ...]
    never_called: tuple[str, ...]
    sources: dict[str, str]
    code: bytes


def folder() -> Path | None:
    """Where this user's kernels lie; None for a user without a home.

    `SOFTFALL_CACHE_DIR`, or `softfall/kernels` in the user's own cache folder. Always from the
    root: whoever is told of it may work in another folder.
    """
    named = os.environ.get("SOFTFALL_CACHE_DIR")
    if named:
        return Path(named).absolute()
    own = os.environ.get("XDG_CACHE_HOME", "")
    if own.startswith("/"):
        return Path(own) / "softfall" / "kernels"
    try:
        return Path.home() / ".cache" / "softfall" / "kernels"
    except RuntimeError:
        return None


def trouble() -> str:
    """Why kernels can't be kept, so that every process compiles its own; "" where they can."""
    place = folder()
    if place is None:
        return "this user has no home folder; SOFTFALL_CACHE_DIR may name another"
    existing = next(path for path in (place, *place.absolute().parents) if path.exists())
    if existing == place and not _trusted(place.stat()):
        return f"{place} may be written by others, so it is not used"
    return "" if os.access(existing, os.W_OK | os.X_OK) else f"{place} can't be written"


@contextmanager
def turn() -> Iterator[None]:
    """Wait while another process compiles, so that it need not be done twice; but not for ever.

    Where others may write there is nothing to wait for, since nothing is kept there.
    """
    lock = None
    with suppress(OSError):
        lock = _lock_file(folder())
    try:
        waited = threading.Event()  # never set: it only waits
        for _ in range(_TRIES):
            if lock is None or _locked(lock) or waited.wait(_TRY_S):
                break
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _lock_file(place: Path | None) -> int | None:
    """Open; None where it would not be this user's alone. Raises OSError."""
    if place is None:
        return None
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    inside = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not _trusted(os.fstat(inside)):
            return None
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open("lock", flags, 0o600, dir_fd=inside)
    finally:
        os.close(inside)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def read(module: str, name: str) -> Code | None:
    """The kept kernel `name` of `module`; None where there is none to be trusted."""
    place = folder()
    if place is None:
        return None
    try:
        data = _bytes_of(place, _file_name(module, name))
        found = None if data is None else _opened(data)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if found is not None and _is_of_these_sources(found) else None


def write(module: str, name: str, made: Code) -> None:
    """Keep it; nowhere to keep it is no fault."""
    place = folder()
    if place is None:
        return
    facts = {name: value for name, value in asdict(made).items() if name != "code"}
    head = json.dumps({**facts, "machine": machine_digest()})
    body = head.encode() + b"\n" + made.code
    with suppress(OSError):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _trusted(place.stat()):
            return
        file_name = _file_name(module, name)
        beside = place / f"{file_name}.{os.getpid()}{_UNFINISHED}"
        beside.unlink(missing_ok=True)  # of a process that had this number before
        try:
            with open(beside, "xb", opener=_open_for_owner) as stream:
                stream.write(hashlib.sha256(body).digest() + body)
            beside.replace(place / file_name)
        except OSError:
            beside.unlink(missing_ok=True)
        _remove_unused(place, place / file_name)


@cache
def machine_digest() -> str:
    """Of what decides, beside the sources, which instructions come out: versions and processor."""
    import llvmlite.binding as llvm

    digest = hashlib.sha256()
    for fact in (
        version("numba"),
        version("llvmlite"),
        llvm.get_default_triple(),
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
    ):
        digest.update(fact.encode() + b"\0")
    return digest.hexdigest()


def source(module: str) -> Path:
    """The file of a module, which need not exist; its topmost package is loaded."""
    top, *below = module.split(".")
    found = importlib.import_module(top).__file__
    assert found is not None
    return Path(found).parent.joinpath(*below).with_suffix(".py")


def source_digest(module: str) -> str:
    """SHA-256 of the module's file, in hex; "" where there is none."""
    try:
        return hashlib.sha256(source(module).read_bytes()).hexdigest()
    except OSError:
        return ""


def _file_name(module: str, name: str) -> str:
    facts = f"{machine_digest()} {source_digest(module)}"
    digest = hashlib.sha256(facts.encode()).hexdigest()
    return f"{module}.{name}.{digest[:32]}"


def _is_of_these_sources(found: Code) -> bool:
    return all(source_digest(module) == digest for module, digest in found.sources.items())


def _bytes_of(place: Path, file_name: str) -> bytes | None:
    """A file's bytes, through descriptors, so that what was checked is what is read."""
    inside = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not _trusted(os.fstat(inside)):
            return None
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        file = os.open(file_name, flags, dir_fd=inside)
        with os.fdopen(file, "rb") as stream:
            state = os.fstat(file)
            whole = stat.S_ISREG(state.st_mode) and _trusted(state)
            return stream.read() if whole else None
    finally:
        os.close(inside)


def _opened(data: bytes) -> Code | None:
    body = data[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != data[:_DIGEST_BYTES]:
        return None
    head, _, code = body.partition(b"\n")
    facts = json.loads(head)
    if facts.pop("machine") != machine_digest() or not facts["sources"]:
        return None
    facts |= {name: tuple(facts[name]) for name in ("arguments", "never_called")}
    return Code(**facts, code=code)


def _trusted(state: os.stat_result) -> bool:
    """Whether nobody but this user, or the machine's administrator, can have written there."""
    return state.st_uid in (0, os.geteuid()) and not state.st_mode & _WRITABLE_BY_OTHERS


def _remove_unused(place: Path, written: Path) -> None:
    """What was read last long before `written` was: its time serves as the clock."""
    with suppress(OSError):
        now = written.stat().st_mtime
        for path in place.iterdir():
            state = path.stat()
            kept_s = _DAY_S if path.name.endswith(_UNFINISHED) else _UNUSED_S
            if now - max(state.st_atime, state.st_mtime) > kept_s:
                path.unlink(missing_ok=True)


def _open_for_owner(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
