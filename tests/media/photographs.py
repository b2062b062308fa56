"""The photographs that the tests use: those shipped inside scikit-image and scikit-learn."""

import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

SUFFIXES = (".png", ".jpg", ".gif")


def photograph_paths() -> list[Path]:
    """Every picture in the two wheels, by name."""
    folders = (_package("skimage") / "data", _package("sklearn") / "datasets" / "images")
    return sorted(
        path for folder in folders for path in folder.iterdir() if path.suffix in SUFFIXES
    )


def pixels_of(path: Path) -> npt.NDArray[np.uint8]:
    """The picture's RGB pixels by Pillow: an opinion apart from `softfall.media.decode`."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def photograph(name: str) -> npt.NDArray[np.uint8]:
    """One photograph's RGB pixels, by the file's name."""
    return pixels_of(next(path for path in photograph_paths() if path.name == name))


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent
