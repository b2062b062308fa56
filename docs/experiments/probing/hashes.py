"""Hashes of photographs, their crops and their edited copies, made once and kept in a cache.

Guarantees: the same photographs and seed give the same hashes; the product's own decoder and PDQ
make them, margins included; pictures that PDQ calls Unhashable are left out and counted.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from rich.progress import track

from probing.photographs import Photograph
from softfall.compare.edits import EDITS
from softfall.config import MediaLimits
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, pdq

CROPS_TO_EDIT: Final = 5  # besides the whole photograph
INNOCENT_SIDE_PIXELS: Final = 256
SEED: Final = 20210401

Bits = npt.NDArray[np.bool_]
Margins = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Hashes:
    """n hashes: bits (n, 256), margins (n, 256), the photograph each came from (n,)."""

    bits: Bits
    margins: Margins
    source: Indices
    unhashable: int


@dataclass(frozen=True, slots=True)
class EditedPairs:
    """n pairs (listed original, edited copy): original bits, copy's bits and margins, labels.

    edit: (n,) position in EDITS; source: (n,) photograph.
    """

    original: Bits
    edited: Hashes
    edit: Indices


def innocent(photographs: Sequence[Photograph], each: int, cache: Path | None = None) -> Hashes:
    """`each` random crops of every photograph, hashed: pictures that nobody edited from another."""

    def make() -> Hashes:
        kept = _Rows()
        for source, photograph in enumerate(track(photographs, "hashing innocent crops")):
            for crop in _crops(photograph, each, (0.3, 0.95), INNOCENT_SIDE_PIXELS):
                kept.add(np.ascontiguousarray(crop), source)
        return kept.hashes()

    if cache is None:
        return make()
    file = cache / f"innocent-{_fingerprint(photographs, each)}.npz"
    if not file.exists():
        hashes = make()
        np.savez(file, **_arrays(hashes))
    with np.load(file) as saved:
        return _loaded(saved)


def edited_pairs(photographs: Sequence[Photograph], cache: Path | None = None) -> EditedPairs:
    """Every everyday edit of every photograph and of a few of its crops, beside its original."""

    def make() -> EditedPairs:
        kept, originals, labels = _Rows(), [], []
        for source, photograph in enumerate(track(photographs, "hashing edited copies")):
            whole = Image.fromarray(photograph.pixels)
            for original in (whole, *_crops(photograph, CROPS_TO_EDIT, (0.4, 0.7), None)):
                pixels = np.ascontiguousarray(original)
                listed = pdq(pixels)
                if not isinstance(listed, PdqHash):
                    kept.unhashable += 1
                    continue
                for number, edit in enumerate(EDITS):
                    copy = decode(edit.apply(pixels), MediaLimits())
                    if kept.add(copy.pixels, source):
                        originals.append(listed.bits)
                        labels.append(number)
        return EditedPairs(_unpacked(originals), kept.hashes(), np.array(labels, np.int64))

    if cache is None:
        return make()
    file = cache / f"edited-{_fingerprint(photographs, CROPS_TO_EDIT)}.npz"
    if not file.exists():
        pairs = make()
        np.savez(file, original=pairs.original, edit=pairs.edit, **_arrays(pairs.edited))
    with np.load(file) as saved:
        return EditedPairs(saved["original"], _loaded(saved), saved["edit"])


class _Rows:
    """Hashes as they are made."""

    def __init__(self) -> None:
        self.bits: list[bytes] = []
        self.margins: list[npt.NDArray[np.float32]] = []
        self.source: list[int] = []
        self.unhashable = 0

    def add(self, pixels: npt.NDArray[np.uint8], source: int) -> bool:
        made = pdq(pixels)
        if not isinstance(made, PdqHash):
            self.unhashable += 1
            return False
        self.bits.append(made.bits)
        self.margins.append(made.margins)
        self.source.append(source)
        return True

    def hashes(self) -> Hashes:
        margins = np.array(self.margins, np.float32).reshape(-1, 256)
        return Hashes(
            _unpacked(self.bits), margins, np.array(self.source, np.int64), self.unhashable
        )


def _unpacked(rows: Sequence[bytes]) -> Bits:
    packed = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 32)
    return np.unpackbits(packed, axis=1).astype(np.bool_)


def _arrays(hashes: Hashes) -> dict[str, Any]:
    return {
        "bits": hashes.bits,
        "margins": hashes.margins,
        "source": hashes.source,
        "unhashable": np.array(hashes.unhashable),
    }


def _loaded(saved: Mapping[str, Any]) -> Hashes:
    return Hashes(saved["bits"], saved["margins"], saved["source"], int(saved["unhashable"]))


def _fingerprint(photographs: Sequence[Photograph], count: int) -> str:
    """Names a cache file by all that its hashes depend on, but for the code."""
    digest = hashlib.sha256(repr((SEED, count, [edit.name for edit in EDITS])).encode())
    for photograph in photographs:
        digest.update(bytes.fromhex(photograph.sha256))
    return digest.hexdigest()[:16]


def _crops(
    photograph: Photograph, count: int, shares: tuple[float, float], side_pixels: int | None
) -> Iterator[Image.Image]:
    """Random windows of a photograph; the seed is the photograph's own, so its crops stay put."""
    rng = np.random.default_rng([SEED, int(photograph.sha256[:15], 16), count])
    height, width = photograph.pixels.shape[:2]
    for _ in range(count):
        across, down = rng.uniform(*shares, 2)
        w, h = int(width * across), int(height * down)
        x, y = rng.integers(0, width - w + 1), rng.integers(0, height - h + 1)
        crop = Image.fromarray(photograph.pixels[y : y + h, x : x + w])
        if side_pixels is not None:
            crop.thumbnail((side_pixels, side_pixels), Image.Resampling.BOX)
        yield crop
