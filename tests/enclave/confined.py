"""A process that gives up what the enclave gives up, tries all that is forbidden, and tells.

Run as `python -m tests.enclave.confined FOLDER`; prints one JSON object.
"""

import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Queue

from softfall.enclave.hardening import harden
from softfall.enclave.system_calls import stop_calling_out

PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4


def attempts(folder: Path) -> dict[str, Callable[[], object]]:
    there = folder / "there"
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *arguments: object) -> int:
        ctypes.set_errno(0)
        done = getattr(libc, name)(*arguments)
        if done == -1:
            raise OSError(ctypes.get_errno(), name)
        return int(done)

    return {
        "start a program": lambda: subprocess.run(["/bin/true"], check=True),
        "become a program": lambda: os.execv("/bin/true", ["true"]),
        "make a process": os.fork,
        "make a file": (folder / "made").touch,
        "write to a file that exists": lambda: there.open("r+b"),
        "append to a file": lambda: there.open("ab"),
        "empty a file": lambda: os.truncate(there, 0),
        "delete a file": there.unlink,
        "rename a file": lambda: there.rename(folder / "elsewhere"),
        "link a file": lambda: os.link(there, folder / "linked"),
        "make a folder": (folder / "new").mkdir,
        "change a mode": lambda: there.chmod(0o777),
        "make a pipe in the file system": lambda: os.mkfifo(folder / "fifo"),
        "make a file in memory": lambda: os.memfd_create("secret"),
        "trace a process": lambda: call("ptrace", 16, os.getppid(), 0, 0),
        "signal another process": lambda: os.kill(os.getppid(), 0),
        "mount": lambda: call("mount", b"none", str(folder).encode(), b"tmpfs", 0, None),
        "leave for another namespace": lambda: call("unshare", 0x10000000),
        "load code into the kernel": lambda: call("syscall", 321, 0, 0, 0),  # bpf
        "use the kernel's own queue of calls": lambda: call("syscall", 425, 8, 0),  # io_uring_setup
        "become another user": lambda: os.setuid(65534),
        "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)),
        "allow dumps again": lambda: call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0),
        "end by a signal to its group": lambda: os.killpg(0, signal.SIGUSR1),
        "make a socket": socket.socket,
        "read a file": there.read_bytes,
        "start a thread": lambda: threading.Thread(target=bool).start(),
        "take memory": lambda: bytearray(1 << 20),
    }


def tried(what: dict[str, Callable[[], object]]) -> dict[str, str]:
    told = {}
    for name, attempt in what.items():
        try:
            attempt()
            told[name] = "done"
        except OSError as error:
            told[name] = os.strerror(error.errno or 0)
        except BaseException as error:
            told[name] = type(error).__name__
    return told


def main() -> None:
    folder = Path(sys.argv[1])
    (folder / "there").write_text("something")
    log = (folder / "log").open("wb")  # open before, so that no filter sees it opened
    asked: Queue[dict[str, Callable[[], object]]] = Queue()
    answered: Queue[dict[str, str]] = Queue()
    # A thread from before the filter is bound by it too.
    threading.Thread(target=lambda: answered.put(tried(asked.get())), daemon=True).start()
    hardening = harden()
    before = tried({"make a socket": lambda: socket.socket().close()})
    stop_calling_out()
    what = attempts(folder)
    what["grow a file that is open already"] = lambda: (log.write(b"x" * 100), log.flush())
    asked.put(attempts(folder))
    status = Path("/proc/self/status").read_text().splitlines()
    sys.stdout.write(
        json.dumps(
            {
                "facts": dict(hardening.facts()),
                "tried": tried(what),
                "before": before,
                "in a thread": answered.get(),
                "status": dict(line.split(":\t", 1) for line in status if ":\t" in line),
                "core limit": resource.getrlimit(resource.RLIMIT_CORE),
                "file limit": resource.getrlimit(resource.RLIMIT_FSIZE),
                "dumpable": ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0),
            }
        )
    )


if __name__ == "__main__":
    main()
