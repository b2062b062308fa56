"""A device in a process of its own, which the test kills. Run: HOME ROLE PEER LOG RUN."""

import itertools
import sys
from pathlib import Path

from softfall.device.device import Device
from softfall.errors import UnavailableError

KEY = bytes(range(32))
# The smallest GIF there is: one pixel.
GIF = bytes.fromhex("47494638396101000100800000000000ffffff2c00000000010001000002024401003b")


def main(home: str, role: str, peer: str, log: str, run: str) -> None:
    with Device.open(Path(home), KEY) as device, Path(log).open("a") as noted:
        print("ready", flush=True)
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


if __name__ == "__main__":
    main(*sys.argv[1:])
