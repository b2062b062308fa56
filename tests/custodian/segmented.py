"""A stand-in for the on-device option's half: its segments are lists of entry numbers."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import pytest

from softfall.custodian import options
from softfall.custodian.options import KeptOption
from softfall.options.contract import Prepared, Progress
from softfall.options.tags.wire import REQUEST


class NumbersHalf:
    """Base: `base` and the entry numbers; delta: `delta`, the version, and what came and went."""

    name: ClassVar[str] = "on_device"
    padding_bytes: ClassVar[int] = 0

    def __init__(self, epoch: int, secret: bytes, parameters: bytes) -> None:
        self.epoch = epoch

    def prepare(self, entries: Iterable[tuple[int, bytes]], progress: Progress) -> Prepared:
        numbers = [number for number, _ in entries]
        progress(len(numbers), len(numbers))
        base = f"base {self.epoch} {numbers}".encode() + bytes(self.padding_bytes)
        return Prepared(bytes(32), base)

    def extend(
        self,
        added: Sequence[tuple[int, bytes]],
        withdrawn: Sequence[int],
        list_version: int,
        progress: Progress,
    ) -> bytes:
        progress(len(added), len(added))
        assert all(len(pdq) == 32 for _, pdq in added)
        came = [number for number, _ in added]
        return f"delta {self.epoch} {list_version} +{came} -{list(withdrawn)}".encode()

    def answer(self, body: bytes) -> bytes:
        return body

    def cost(self, body: bytes) -> int:
        return 1


def keep_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, `on_device` is kept by the stand-in."""

    def numbers() -> KeptOption:
        return KeptOption("on_device", lambda seed, epoch: seed, NumbersHalf, b"", REQUEST)

    monkeypatch.setattr(options, "_KEPT", {**options._KEPT, "on_device": numbers})
