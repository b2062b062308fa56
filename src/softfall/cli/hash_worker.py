"""`python -m softfall.cli.hash_worker`: hashes the files that it is told of, one after the other.

Guarantees: one line of JSON for each line of JSON, in order; nothing else reaches the answers, for
whatever a library prints goes to standard error; it ends when its questions do, or its reader is
gone. Ctrl-C is for the process that started it to heed. A crash leaves no picture of memory behind.
The first line says how (limits, mode, borders), and is answered once everything is loaded.
"""

import json
import os
import resource
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from softfall.cli.hash_rows import hash_file
from softfall.config import MediaLimits


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        serve(sys.stdin.buffer, answers)
    except BrokenPipeError:
        os._exit(0)


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer each question, until there are no more."""
    asked = json.loads(questions.readline() or "null")
    if asked is None:
        return
    limits, mode = MediaLimits(**asked["limits"]), asked["mode"]
    strip_borders = asked["strip_borders"]
    _load()
    _say(answers, "ready")
    while question := questions.readline():
        path = Path(json.loads(question))
        _say(answers, asdict(hash_file(path, limits, mode, strip_borders)))


def _load() -> None:
    """What the first picture would otherwise wait for."""
    import softfall.media.query  # noqa: F401 - for its effect


def _say(answers: BinaryIO, what: object) -> None:
    answers.write(json.dumps(what).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
