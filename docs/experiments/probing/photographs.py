"""Real photographs from folders: each one found, named by its SHA-256, and reduced to one size.

Guarantees: a photograph is used once however often its file occurs; the order does not depend on
the file system. `photographs.csv` lists the ones that the published figures rest on, chosen by
eye from free software packages (drawings, renders and screen shots left out); nothing else in a
folder is used unless `everything` is asked for. No photograph is copied or committed.
Also looks inside Qt resource files (.rcc), where GCompris keeps its photographs as plain WebP.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import skimage
import sklearn.datasets
from PIL import Image

CATALOGUE: Final = Path(__file__).with_name("photographs.csv")
LONGEST_SIDE_PIXELS: Final = 768
SHORTEST_SIDE_PIXELS: Final = 300  # smaller pictures leave too little for crops of their own
SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True, slots=True)
class Photograph:
    """One photograph: where it came from, and its pixels, (H, W, 3) uint8, longest side 768."""

    sha256: str
    package: str
    pixels: npt.NDArray[np.uint8]


def shipped_folders() -> list[Path]:
    """The folders of photographs inside the installed scikit-image and scikit-learn."""
    return [
        Path(skimage.__file__).parent / "data",
        Path(sklearn.datasets.__file__).parent / "images",
    ]


def find(folders: Iterable[Path], everything: bool = False) -> list[Photograph]:
    """The photographs in the folders, by SHA-256; those of the catalogue, or `everything`."""
    with CATALOGUE.open(newline="") as lines:
        package_of = {row["sha256"]: row["package"] for row in csv.DictReader(lines)}
    found: dict[str, Photograph] = {}
    for folder in folders:
        for data in _picture_files(folder):
            name = hashlib.sha256(data).hexdigest()
            if name in found or not (everything or name in package_of):
                continue
            pixels = _reduced(data)
            if pixels is not None:
                found[name] = Photograph(name, package_of.get(name, folder.name), pixels)
    return [found[name] for name in sorted(found)]


def _picture_files(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        if path.suffix.lower() in SUFFIXES:
            yield path.read_bytes()
        elif path.suffix == ".rcc":
            yield from _webp_files_in(path.read_bytes())


def _webp_files_in(container: bytes) -> Iterator[bytes]:
    at = container.find(b"RIFF")
    while at >= 0:
        if container[at + 8 : at + 12] == b"WEBP":
            size_bytes = int.from_bytes(container[at + 4 : at + 8], "little") + 8
            yield container[at : at + size_bytes]
        at = container.find(b"RIFF", at + 4)


def _reduced(data: bytes) -> npt.NDArray[np.uint8] | None:
    try:
        opened = Image.open(io.BytesIO(data))
        if min(opened.size) < SHORTEST_SIDE_PIXELS:
            return None
        picture = opened.convert("RGB")
    except (OSError, ValueError):
        return None  # not a picture after all; the catalogue's count shows what was missed
    picture.thumbnail((LONGEST_SIDE_PIXELS, LONGEST_SIDE_PIXELS), Image.Resampling.LANCZOS)
    return np.asarray(picture)
