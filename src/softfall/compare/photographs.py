"""The photographs that a comparison sends: those at hand in two well-known packages, or the user's.

Guarantees: real photographs only (drawings, text and test patterns of the same packages are left
out by name); nothing is downloaded; a file that can't be opened is left out with its reason.
Refuses: a run without photographs, as NoPhotographs.
Source: skimage.data and sklearn.datasets, the photographs that their wheels carry.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from softfall.config import MediaLimits
from softfall.errors import InputError, OperatorError, SoftfallError
from softfall.media.decode import check_size, decode
from softfall.media.pdq import PdqHash, Unhashable, pdq
from softfall.media.pdq_oracle import PixelArray

DEFAULT_PHOTOGRAPHS: Final = {
    "skimage": (
        "data/astronaut.png",
        "data/brick.png",
        "data/camera.png",
        "data/cell.png",
        "data/chelsea.png",
        "data/clock_motion.png",
        "data/coffee.png",
        "data/coins.png",
        "data/grass.png",
        "data/gravel.png",
        "data/hubble_deep_field.jpg",
        "data/ihc.png",
        "data/moon.png",
        "data/motorcycle_left.png",
        "data/motorcycle_right.png",
        "data/retina.jpg",
        "data/rocket.jpg",
    ),
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
}

Progress = Callable[[int, int], None]


class NoPhotographs(InputError):
    """None of the given files is a picture that can be opened."""

    remedy = "Name picture files, or a folder that holds some; `softfall hash` says what is wrong."


class PhotographsMissing(OperatorError):
    """The packages whose photographs are the default are not installed."""

    remedy = "Install them by `pip install softfall[compare]`, or name photographs of your own."


@dataclass(frozen=True, slots=True, eq=False)
class Photograph:
    """One picture file as it is, what it shows, and its hash."""

    name: str
    data: bytes = field(repr=False)
    pixels: PixelArray = field(repr=False)
    format: str
    hash: PdqHash | Unhashable


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is not sent, and why."""

    name: str
    reason: str


def default_paths() -> list[Path]:
    """The photographs in the installed packages. Raises PhotographsMissing."""
    paths = []
    for package, names in DEFAULT_PHOTOGRAPHS.items():
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise PhotographsMissing(f"the package {package} is not installed")
        folder = Path(spec.origin).parent
        paths += [folder / name for name in names]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise PhotographsMissing(f"{missing[0].name} is not where its package keeps it")
    return paths


def picture_files(places: Sequence[Path]) -> list[Path]:
    """The files among `places`, folders searched to the bottom, hidden files left out, sorted.

    Raises NoPhotographs for a place that does not exist, or when nothing is found.
    """
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            inside = (path for path in place.rglob("*") if path.is_file())
            found += sorted(path for path in inside if not path.name.startswith("."))
        elif place.is_file():
            found.append(place)
        else:
            raise NoPhotographs(f"{place} does not exist")
    if not found:
        raise NoPhotographs(f"{', '.join(map(str, places))}: no files")
    return list(dict.fromkeys(found))


def open_photographs(
    paths: Sequence[Path], limits: MediaLimits, progress: Progress
) -> tuple[list[Photograph], list[LeftOut]]:
    """Every file opened and hashed, one of each content; what can't be opened, with its reason.

    Raises NoPhotographs if none can be opened.
    """
    opened: list[Photograph] = []
    left_out: list[LeftOut] = []
    names = _short_names(paths)
    contents: set[bytes] = set()
    for done, (path, name) in enumerate(zip(paths, names, strict=True), start=1):
        try:
            photograph = _open(path, name, limits)
        except (OSError, SoftfallError) as error:
            left_out.append(LeftOut(name, str(error)))
        else:
            if photograph.data in contents:
                left_out.append(LeftOut(name, "the same file as another"))
            else:
                contents.add(photograph.data)
                opened.append(photograph)
        progress(done, len(paths))
    if not opened:
        raise NoPhotographs(f"{left_out[0].name}: {left_out[0].reason}")
    return opened, left_out


def _open(path: Path, name: str, limits: MediaLimits) -> Photograph:
    check_size(path.stat().st_size, limits)
    data = path.read_bytes()
    picture = decode(data, limits)
    return Photograph(name, data, picture.pixels, picture.format, pdq(picture.pixels))


def _short_names(paths: Iterable[Path]) -> list[str]:
    """A file's stem; with a number where two share one."""
    seen: dict[str, int] = {}
    names = []
    for path in paths:
        count = seen[path.stem] = seen.get(path.stem, 0) + 1
        names.append(path.stem if count == 1 else f"{path.stem} ({count})")
    return names
