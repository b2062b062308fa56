"""Devices in processes of their own, which the test kills.

Reads lines of HOME ROLE PEER LOG RUN; forks a process for each, which says `ready PID` and then
writes or reads until it is killed. Forked, so that only the first pays for loading the code.
"""

import itertools
import os
import signal
import sys
from pathlib import Path

from softfall.device.device import Device
from softfall.errors import UnavailableError

KEY = bytes(range(32))
# The smallest GIF there is: one pixel.
GIF = bytes.fromhex("47494638396101000100800000000000ffffff2c00000000010001000002024401003b")


def live(home: str, role: str, peer: str, log: str, run: str) -> None:
    with Device.open(Path(home), KEY) as device, Path(log).open("a") as noted:
        print("ready", os.getpid(), flush=True)
        for turn in itertools.count():
            try:
                device.sync(0.2 if role == "reader" else 0)
                if role == "writer":
                    text = f"{run}-{turn}"
                    if turn % 3:
                        device.send_text(peer, text)
                    else:
                        device.send_photo(peer, GIF, text=text)
                    noted.write(text + "\n")
                    noted.flush()
            except UnavailableError as error:
                print(error, file=sys.stderr)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who is killed leaves no zombie
    for line in sys.stdin:
        if os.fork() == 0:
            try:
                live(*line.split())
            finally:
                os._exit(1)  # only a fault gets here, and then the test finds nobody to kill


if __name__ == "__main__":
    main()
