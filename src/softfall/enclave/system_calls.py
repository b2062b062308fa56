"""The system calls that the enclave's process may still make, as one table.

An allow-list: what is not named here fails with EPERM, so a call of a newer kernel, or of another
calling convention (x32), is refused without being known. Its price is that a new version of the
interpreter, libc or HTTP server may need a row more; the tests run the real service under it.

Guarantees for the whole process, once `confine` has returned: no program is started, no process
made (threads only), no file opened but for reading, nothing renamed, linked, deleted or mounted, no
other process traced or read, no privilege or limit raised. Once `stop_calling_out` has returned
too: no socket is made or connected; the service answers, and never calls.
Refuses to go on where the kernel has no filter (`HardeningFailed`).
Source: seccomp(2), kernel documentation `userspace-api/seccomp_filter`; assembled by `seccompy`.
"""

import errno
import fcntl
import os
import termios
from collections.abc import Iterable
from typing import Final

from seccompy import ArgCmp, CmpOp, Filter, FilterFlag, SeccompError, syscall_nr
from seccompy.filter import Action

from softfall.errors import OperatorError

_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CLONE_THREAD: Final = 0x00010000
_FIOCLEX, _FIONCLEX = 0x5451, 0x5450
_FIONBIO, _FIONREAD = 0x5421, termios.FIONREAD
_FIONS: Final = (_FIOCLEX, _FIONCLEX, _FIONBIO, _FIONREAD, termios.TCGETS, termios.TIOCGWINSZ)
# prctl: a thread's and a mapping's name; and asking how the process is confined.
_PRCTLS: Final = {
    "PR_GET_DUMPABLE": 3,
    "PR_SET_NAME": 15,
    "PR_GET_NAME": 16,
    "PR_SET_NO_NEW_PRIVS": 38,
    "PR_GET_NO_NEW_PRIVS": 39,
    "PR_SET_VMA": 0x53564D41,
}
_FCNTLS: Final = (
    fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL,
    fcntl.F_SETFL,
)  # fmt: skip

_ALLOWED: Final = {
    "memory": "brk mmap munmap mremap mprotect madvise mincore membarrier",
    "threads": "futex futex_waitv set_robust_list get_robust_list set_tid_address rseq gettid "
    "sched_yield sched_getaffinity exit exit_group restart_syscall",
    "signals": "rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack",
    "time": "clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times",
    "reading files": "read readv pread64 preadv close close_range lseek fstat stat lstat "
    "newfstatat statx statfs fstatfs getdents64 readlink readlinkat access faccessat faccessat2 "
    "getcwd",
    "what is open already": "write writev dup dup2 dup3",
    "answering": "accept accept4 recvfrom recvmsg recvmmsg sendto sendmsg sendmmsg shutdown "
    "setsockopt getsockopt getsockname getpeername",
    "waiting": "epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 poll "
    "ppoll select pselect6 eventfd2 pipe pipe2 timerfd_create timerfd_settime socketpair",
    "who and where": "getpid getppid getuid geteuid getgid getegid getpgrp getrandom uname sysinfo "
    "getrusage getrlimit getcpu",
    "a tighter filter": "seccomp",
}
_UNTIL_IT_LISTENS: Final = "socket bind listen connect"


class HardeningFailed(OperatorError):
    """The enclave's process could not be confined, so it took nothing in."""

    remedy = "Run it on Linux 5.4 or later, x86-64 or arm64, where nothing forbids seccomp."


def names() -> tuple[str, ...]:
    """Every call that is allowed as it is, whatever its arguments."""
    return tuple(" ".join(_ALLOWED.values()).split())


def confine() -> None:
    """Leave the process, all its threads, with the calls of the table. Raises HardeningFailed."""
    allowed = Filter(Action.ERRNO | errno.EPERM, flags=FilterFlag.TSYNC)
    for name in _known((*names(), *_UNTIL_IT_LISTENS.split())):
        allowed.allow(name)
    for name, index in (("open", 1), ("openat", 2)):
        if _is_known(name):
            allowed.allow(name, args=[ArgCmp(index, CmpOp.MASKED_EQ, 0, _WRITES)])
    # A thread is a clone that shares; flags can be seen in `clone` only, so libc must fall back.
    allowed.allow("clone", args=[ArgCmp(0, CmpOp.MASKED_EQ, _CLONE_THREAD, _CLONE_THREAD)])
    for name in _known(("clone3", "openat2")):
        allowed.errno(name, errno.ENOSYS)
    _allow_each(allowed, "ioctl", 1, _FIONS)
    _allow_each(allowed, "fcntl", 1, _FCNTLS)
    _allow_each(allowed, "prctl", 0, _PRCTLS.values())
    allowed.allow("prlimit64", args=[ArgCmp(2, CmpOp.EQ, 0)])  # ask for a limit, set none
    allowed.allow("tgkill", args=[ArgCmp(0, CmpOp.EQ, os.getpid())])  # `abort` ends this process
    _load(allowed)


def stop_calling_out() -> None:
    """From now on no socket is made, bound or connected. Raises HardeningFailed."""
    refused = Filter(Action.ALLOW, flags=FilterFlag.TSYNC)
    for name in _known(_UNTIL_IT_LISTENS.split()):
        refused.errno(name, errno.EPERM)
    _load(refused)


def _allow_each(filter_: Filter, name: str, index: int, values: Iterable[int]) -> None:
    for value in values:
        filter_.allow(name, args={index: value})


def _known(wanted: Iterable[str]) -> list[str]:
    """Those of the names that this machine's architecture has; arm64 has fewer."""
    return [name for name in wanted if _is_known(name)]


def _is_known(name: str) -> bool:
    try:
        syscall_nr(name)
    except ValueError:
        return False
    return True


def _load(filter_: Filter) -> None:
    try:
        filter_.load()
    except SeccompError as error:
        raise HardeningFailed(f"the system-call filter was refused: {error.strerror}") from None
