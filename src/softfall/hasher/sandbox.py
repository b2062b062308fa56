"""What the hasher gives up before it reads a stranger's first byte.

Guarantees, once `lock_down` has returned: reading from descriptor 0, writing to 1, memory, threads
of this process and ending are all that is left. No file or socket is opened, no program started, no
other process signalled or traced, no privilege gained, no core dumped; memory, processor time and
the size of files are bounded. Calls that are not on the table fail with EPERM.
Refuses to go on where the kernel has no such filter (`SandboxMissing`): nothing is opened then.
Limits: it runs as its service's user on its service's kernel, so a fault in the kernel itself is
not contained; and what a taken-over process answers may be a lie about that one picture.
Source: seccomp(2), setrlimit(2), kernel documentation `userspace-api/seccomp_filter`.
"""

import errno
import os
import resource
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from seccompy import Action, ArgCmp, CmpOp, Filter, FilterFlag, SeccompError, supported

from softfall.errors import OperatorError

STDIN, STDOUT = 0, 1
_CLONE_THREAD: Final = 0x00010000
_OPEN_FILES: Final = 3  # standard input, output and error are open: no descriptor is left

ALLOWED: Final[Mapping[str, str]] = {
    "memory": "brk mmap munmap mremap mprotect madvise membarrier",
    "threads": "futex set_robust_list rseq gettid sched_yield sched_getaffinity exit",
    "signals": "rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack",
    "time": "clock_gettime clock_nanosleep nanosleep gettimeofday",
    "about itself": "getpid getuid geteuid getrandom getrusage sysinfo",
    "the ends": "fstat newfstatat lseek close exit_group",
}


class SandboxMissing(OperatorError):
    """This machine can't confine the hasher, so it opened nothing."""

    remedy = "Run the service on Linux 5.4 or later, x86-64 or arm64, where seccomp is allowed."


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one picture may cost. memory_bytes: of address space; cpu_seconds: of processor time."""

    memory_bytes: int
    cpu_seconds: int


def lock_down(bounds: Bounds) -> None:
    """Give it all up, for good. Raises SandboxMissing."""
    if not supported():
        raise SandboxMissing("the kernel offers no system-call filter here")
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_AS: bounds.memory_bytes,
        resource.RLIMIT_CPU: bounds.cpu_seconds,
    }
    try:
        os.closerange(_OPEN_FILES, os.sysconf("SC_OPEN_MAX"))
        for limit, most in limits.items():
            _, hard = resource.getrlimit(limit)
            least = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(limit, (least, least))
        _filter().load()  # sets no_new_privs too
    except (SeccompError, OSError, ValueError) as error:
        raise SandboxMissing(f"the hasher could not be confined: {error}") from None


def _filter() -> Filter:
    allowed = Filter(Action.ERRNO | errno.EPERM, flags=FilterFlag.TSYNC)
    for name in _names(ALLOWED.values()):
        with suppress(KeyError, ValueError):  # a call that this architecture does not have
            allowed.allow(name)
    allowed.allow("read", args={0: STDIN})
    allowed.allow("write", args={0: STDOUT})
    # Decoders start threads; a clone that is no thread is a process. What clone3 is asked for lies
    # in memory, out of a filter's sight: "no such call" makes libc use clone instead.
    thread = ArgCmp(0, CmpOp.MASKED_EQ, _CLONE_THREAD, mask=_CLONE_THREAD)
    allowed.allow("clone", args=[thread])
    allowed.errno("clone3", errno.ENOSYS)
    return allowed


def _names(rows: Iterable[str]) -> list[str]:
    return " ".join(rows).split()
