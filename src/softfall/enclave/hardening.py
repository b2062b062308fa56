"""What the enclave's process gives up before it takes anything in, and what it could not.

Guarantees, once `harden` has returned: no core is dumped, and nobody without the machine's own
privileges can trace the process or read its memory; no privilege can be gained; the system calls
are those of `system_calls.py`; no file can grow through a descriptor that is open already, and
memory is never swapped out, each unless the report says otherwise, with the reason.
Limit: all this binds the process, not the machine: root, the hypervisor and the memory bus see what
the process sees. Only hardware changes that, and the software attester is none.
Source: prctl(2), getrlimit(2), mlockall(2).
"""

import ctypes
import os
import resource
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from softfall.enclave import system_calls
from softfall.enclave.system_calls import HardeningFailed

OFF: Final = "off"
LOCKED: Final = "locked"
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_CAP_IPC_LOCK: Final = 14


@dataclass(frozen=True, slots=True)
class Hardening:
    """What is off or locked, in words, and why where it is not."""

    core_dumps: str
    tracing: str
    new_privileges: str
    system_calls: str
    file_writing: str
    memory: str

    def facts(self) -> Mapping[str, str]:
        """For the log line at start and GET /v1/health."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def harden() -> Hardening:
    """Give it all up, for good; call it once every kernel is compiled and every key made.

    Raises HardeningFailed.
    """
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    memory = _lock_memory()
    file_writing = _stop_writing()
    close_to_others()
    system_calls.confine()
    return Hardening(
        core_dumps=OFF,
        tracing=OFF,
        new_privileges=OFF,
        system_calls=f"{len(system_calls.names())} allowed, all others refused",
        file_writing=file_writing,
        memory=memory,
    )


def close_to_others() -> None:
    """No core dumps, and no tracing by others; the first thing of all. Raises HardeningFailed."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0)


def _lock_memory() -> str:
    unlimited = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] == resource.RLIM_INFINITY
    if not (unlimited or _may_lock()):
        # A lock under a limit would make a later allocation fail: the list's, say.
        limit_kib = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] // 1024
        return f"not locked: RLIMIT_MEMLOCK is {limit_kib} KiB"
    if ctypes.CDLL(None, use_errno=True).mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT):
        return f"not locked: {os.strerror(ctypes.get_errno())}"
    return LOCKED


def _may_lock() -> bool:
    status = Path("/proc/self/status").read_text("ascii")
    effective = next(line for line in status.splitlines() if line.startswith("CapEff"))
    return bool(int(effective.split()[1], 16) >> _CAP_IPC_LOCK & 1)


def _stop_writing() -> str:
    """No file may grow; where the log itself goes to a file, the filter alone must do."""
    for name, descriptor in (("output", 1), ("log", 2)):
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError:
            continue
        if stat.S_ISREG(mode):
            return f"off but for the {name}, which goes to a file"
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    return OFF


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise HardeningFailed(f"prctl was refused: {os.strerror(ctypes.get_errno())}")
