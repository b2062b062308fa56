"""What a hasher that a picture has taken over can still do: read its input, answer, and end.

Each attempt runs in a process of its own, which first locks itself down as the hasher does. The
same attempt is made without the lock, so that a test can't pass because the attempt is no good.
"""

import subprocess
import sys
import textwrap

import pytest

ATTEMPTS = {
    "open a file": "open('/etc/hostname').read()",
    "make a file": "open('/tmp/softfall-hasher-was-here', 'w').close(); "
    "os.unlink('/tmp/softfall-hasher-was-here')",
    "list a folder": "os.listdir('/')",
    "open a socket": "socket.socket()",
    "look a name up": "socket.getaddrinfo('localhost', 80)",
    "start a program": "subprocess.run(['/bin/true'], check=True)",
    "become another program": "os.execv('/bin/true', ['true'])",
    "make a process": "os.waitpid(os.fork() or os._exit(0), 0)",
    "signal its parent": "os.kill(os.getppid(), 0)",
    "read its parent's memory": "open(f'/proc/{os.getppid()}/mem', 'rb')",
    "raise a limit": "resource.setrlimit(resource.RLIMIT_CORE, "
    "(0, resource.getrlimit(resource.RLIMIT_CORE)[1]))",
    "write elsewhere than to its answer": "os.write(2, b'!')",
    "make a pipe": "os.pipe()",
    "change its folder": "os.chdir('/')",
}
PLAY = """
import os, resource, socket, subprocess, sys
from softfall.hasher.sandbox import Bounds, lock_down
if {locked}:
    lock_down(Bounds(4 << 30, 20))
try:
    {attempt}
except BaseException as error:
    os.write(1, type(error).__name__.encode())
    os._exit(7)
os.write(1, b"done")
os._exit(0)
"""


def play(attempt: str, locked: bool) -> tuple[int, bytes]:
    code = textwrap.dedent(PLAY).format(attempt=attempt, locked=locked)
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=False)
    return ran.returncode, ran.stdout


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_a_hasher_that_was_taken_over_can_not(attempt):
    assert play(attempt, locked=False)[0] == 0
    status, said = play(attempt, locked=True)
    assert status == 7
    assert said in (b"PermissionError", b"OSError", b"BlockingIOError", b"gaierror", b"ValueError")


def test_threads_are_still_to_be_had():
    started = "import threading; t = threading.Thread(target=len, args=('',)); t.start(); t.join()"
    assert play(started, locked=True) == (0, b"done")


def test_one_that_turns_for_ever_is_ended_by_the_kernel():
    code = (
        "from softfall.hasher.sandbox import Bounds, lock_down\n"
        "lock_down(Bounds(4 << 30, 1))\n"
        "while True: pass"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=False)
    assert ran.returncode < 0
