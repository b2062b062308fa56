"""One party's process: `python -m softfall.compare.party KIND`, for a comparison's witness only.

Guarantees: only the code of its own kind is loaded; its task comes over standard input, so that
nothing stands in the arguments or the environment; it ends when standard input ends, so that it
never outlives its witness. Standard output carries JSON lines and nothing else.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import IO, Any, Final

from softfall.errors import InputError, SoftfallError

KINDS: Final = {
    "provider": "softfall.compare.parties.provider",
    "custodian": "softfall.compare.parties.custodian",
    "dealer": "softfall.compare.parties.dealer",
    "enclave": "softfall.compare.parties.enclave",
    "keyholder": "softfall.compare.parties.keyholder",
    "device": "softfall.compare.parties.device",
    "patched-device": "softfall.compare.parties.patched_device",
    "backdoor-provider": "softfall.compare.parties.backdoor_provider",
    "backdoor-device": "softfall.compare.parties.backdoor_device",
    "in-transit-provider": "softfall.compare.parties.in_transit_provider",
    "in-transit-device": "softfall.compare.parties.in_transit_device",
}


class UnknownParty(InputError):
    """No party of this kind plays in a comparison."""

    remedy = f"Name one of: {', '.join(KINDS)}."


class Wire:
    """The line to the witness: commands in, answers out."""

    def __init__(self, commands: IO[str], answers: IO[str]) -> None:
        self._commands = commands
        self._answers = answers

    def commands(self) -> Iterator[dict[str, Any]]:
        """Each command, until the witness has no more or is gone."""
        for line in self._commands:
            yield json.loads(line)

    def say(self, **answer: Any) -> None:
        """One line for the witness."""
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()

    def progress(self, done: int, total: int) -> None:
        """How far a long step has come."""
        self.say(progress=[done, total])


def main() -> None:
    """Play the party that the first argument names. Raises UnknownParty."""
    if len(sys.argv) != 2 or sys.argv[1] not in KINDS:
        raise UnknownParty(f"{' '.join(sys.argv[1:]) or 'nothing'} is no kind of party")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the witness's
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is a log line
    wire = Wire(sys.stdin, answers)
    play: Callable[[Wire, dict[str, Any]], None] = import_module(KINDS[sys.argv[1]]).play
    task = next(wire.commands(), None)
    if task is None:
        return
    try:
        play(wire, task)
    except SoftfallError as error:
        wire.say(failed=f"{error.name}: {error.what}")
        sys.exit(1)


if __name__ == "__main__":
    main()
