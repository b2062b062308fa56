"""How long each step took, for `compare`; kept in memory only, and never per message."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

STEPS = {
    "hash_ms": "decode and hash a picture before sending",
    "begin_ms": "the option's question",
    "ask_ms": "the custodian's answer, network included",
    "finish_ms": "the option's submission",
    "clear_ms": "the provider's answer about a candidate, before sending",
    "seal_ms": "encrypt the picture",
    "encrypt_ms": "commit, encrypt, and write the outbox",
    "upload_ms": "send the encrypted picture",
    "post_ms": "send the envelope",
    "fetch_ms": "fetch an encrypted picture",
    "decrypt_ms": "decrypt a message and check its commitment",
    "unseal_ms": "decrypt a picture and check its digests",
    "rehash_ms": "decode and hash a received picture",
    "check_ms": "the option's check of the sender's submission",
}


class Timings:
    """Milliseconds of every run of every step, in order."""

    def __init__(self, monotonic_ms: Callable[[], float]) -> None:
        self._monotonic_ms = monotonic_ms
        self._taken: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure one run of a step; one that fails does not count."""
        if name not in STEPS:
            raise KeyError(name)
        began = self._monotonic_ms()
        yield
        self._taken[name].append(self._monotonic_ms() - began)

    @property
    def taken(self) -> Mapping[str, Sequence[float]]:
        """Milliseconds by step."""
        return {name: tuple(times) for name, times in self._taken.items()}
