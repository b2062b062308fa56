"""`python -m softfall.cli.hash_worker`: opens the files that it is told of, one after the other.

Guarantees: one line of JSON for each line of JSON, in order; nothing else reaches the answers, for
whatever a library prints goes to standard error; it ends when its questions do, or its reader is
gone. Ctrl-C is for the process that started it to heed. A crash leaves no picture of memory behind.
The first line says what is to be done of `TASKS`, and how; it is answered once everything is
loaded.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Final

from softfall.cli.hash_rows import hash_file
from softfall.config import MediaLimits
from softfall.errors import SoftfallError


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
    answer = TASKS[asked["task"]](asked)
    _load()
    _say(answers, "ready")
    while question := questions.readline():
        _say(answers, answer(Path(json.loads(question))))


def _hashing(asked: Mapping[str, Any]) -> "Answer":
    """Everything that `softfall hash` tells of a file. asked: limits, mode, strip_borders."""
    limits, mode = MediaLimits(**asked["limits"]), asked["mode"]
    return lambda path: asdict(hash_file(path, limits, mode, asked["strip_borders"]))


def _viewing(asked: Mapping[str, Any]) -> "Answer":
    """The hashes of a picture's views, as `media.hashed` packs them. asked: limits, views."""
    from softfall.media.decode import decode
    from softfall.media.files import read_file
    from softfall.media.hashed import encode
    from softfall.media.views import ViewSet, view_hashes

    limits, chosen = MediaLimits(**asked["limits"]), ViewSet(asked["views"])

    def answer(path: Path) -> dict[str, object]:
        try:
            pixels = decode(read_file(path, limits), limits).pixels
            seen = view_hashes(pixels, chosen)
            return {"views": [(each.view, encode(each.found).hex()) for each in seen]}
        except SoftfallError as error:
            return {"error": f"{error.name}: {error.what}"}

    return answer


Answer = Callable[[Path], dict[str, object]]
TASKS: Final[Mapping[str, Callable[[Mapping[str, Any]], Answer]]] = {
    "hash": _hashing,
    "views": _viewing,
}


def _load() -> None:
    """What the first picture would otherwise wait for."""
    import softfall.media.query  # noqa: F401 - for its effect


def _say(answers: BinaryIO, what: object) -> None:
    answers.write(json.dumps(what).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
