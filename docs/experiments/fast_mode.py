"""How far `fast` hashes lie from `exact` ones, over real photographs saved in many ways.

Run: python docs/experiments/fast_mode.py FOLDER...  (minutes; without a folder, the photographs of
scikit-image and scikit-learn alone). Writes fast_mode.json, and its tables into fast_mode.md. The
photographs are those of photographs.csv, at their own size, found in the folders as
docs/experiments/multi_probe.md says. Nothing is random, so the figures come again.
"""

import hashlib
import io
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance

sys.path.insert(0, str(Path(__file__).parent))
from probing import photographs

from softfall.config import MediaLimits
from softfall.media import pdq_kernels
from softfall.media.decode import decode
from softfall.media.hashing import hash_picture
from softfall.media.pdq import MIN_QUALITY, PdqHash, cut, spectrum

RECORD = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).with_suffix(".md")
LIMITS = MediaLimits()
LARGEST_PIXELS = 4096
SIDES = (LARGEST_PIXELS, 2048, 1200, 640, 320, 160, 96, 40)
CROPPED_SIDE = 640
OWN_SIZE = "its own size"
# quality, subsampling (0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0), and whether it is progressive
SAVINGS = ((30, 2, False), (60, 2, False), (75, 2, True), (90, 1, False), (95, 0, False))
Saved = tuple[str, str, bytes]  # the edit, the size's name, the file


def jpeg(picture: Image.Image, quality: int, subsampling: int, progressive: bool = False) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality, subsampling=subsampling, progressive=progressive)
    return stream.getvalue()


def originals(folders: Iterable[Path]) -> Iterator[Image.Image]:
    """Each photograph of the catalogue once, whole, its longest side at most `LARGEST_PIXELS`."""
    with photographs.CATALOGUE.open() as lines:
        wanted = {line.partition(",")[0] for line in lines}
    for folder in folders:
        for data in photographs._picture_files(folder):
            name = hashlib.sha256(data).hexdigest()
            if name not in wanted:
                continue
            wanted.discard(name)
            with Image.open(io.BytesIO(data)) as opened:
                picture = opened.convert("RGB")
            picture.thumbnail((LARGEST_PIXELS, LARGEST_PIXELS), Image.Resampling.LANCZOS)
            yield picture


def saved(picture: Image.Image) -> Iterator[Saved]:
    smaller = picture
    for side in SIDES:
        if side > 1.3 * max(picture.size) and side != LARGEST_PIXELS:
            continue
        smaller = smaller.copy()
        smaller.thumbnail((side, side), Image.Resampling.LANCZOS)
        name = OWN_SIZE if side == LARGEST_PIXELS else f"{side} pixels"
        for quality, subsampling, progressive in SAVINGS[-2:-1] if side > 1200 else SAVINGS:
            yield f"JPEG {quality}", name, jpeg(smaller, quality, subsampling, progressive)
        if side == CROPPED_SIDE:
            yield from edited(smaller, name)


def edited(picture: Image.Image, name: str) -> Iterator[Saved]:
    width, height = picture.size
    w, h = width // 2, height // 2
    for x in (0, w):
        for y in (0, h):
            yield "a quarter of it", name, jpeg(picture.crop((x, y, x + w, y + h)), 85, 2)
    middle = (width // 8, height // 8, width - width // 8, height - height // 8)
    yield "its middle", name, jpeg(picture.crop(middle), 85, 2)
    yield "grey", name, jpeg(picture.convert("L"), 85, 0)
    yield "colours three times as strong", name, jpeg(ImageEnhance.Color(picture).enhance(3), 90, 0)
    yield "contrast doubled", name, jpeg(ImageEnhance.Contrast(picture).enhance(2), 90, 2)


def measured(data: bytes) -> dict[str, Any]:
    """One file: what `fast` says of it, beside what `exact` measures."""
    exact = spectrum(decode(data, LIMITS).pixels)
    found = hash_picture(data, LIMITS, "fast").found
    row: dict[str, Any] = {
        "mode": found.mode,
        "quality": abs(found.quality - exact.quality),
        "agrees": isinstance(found, PdqHash) == (exact.quality >= MIN_QUALITY),
        "bits": None,
    }
    if isinstance(found, PdqHash):
        bits, margins = cut(exact)
        row["bits"] = (int.from_bytes(bits) ^ int.from_bytes(found.bits)).bit_count()
        row["at_median"] = int(np.count_nonzero(margins < 1))
    return row


def main(folders: list[Path]) -> None:
    pdq_kernels.ready()
    rows, pictures = [], 0
    for picture in originals([*folders, *photographs.shipped_folders()]):
        pictures += 1
        for edit, side, data in saved(picture):
            rows.append({"edit": edit, "side": side, **measured(data)})
        print(f"\r{pictures} photographs, {len(rows)} files", end="", file=sys.stderr, flush=True)
    record = {"photographs": pictures, "files": len(rows), **summary(rows)}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    PAGE.write_text(drawn(PAGE.read_text("utf-8"), record), "utf-8")


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    fast = [row for row in rows if row["mode"] == "fast"]
    return {
        "fast": len(fast),
        "disagree_whether_there_is_a_hash": sum(not row["agrees"] for row in rows),
        "bits": counted(row["bits"] for row in fast if row["bits"] is not None),
        "quality": counted(row["quality"] for row in fast),
        "most_bits_at_median": max(row.get("at_median", 0) for row in fast),
        "by_side": grouped(rows, "side"),
        "by_edit": grouped(rows, "edit"),
    }


def counted(values: Iterable[int]) -> dict[str, int]:
    return {str(value): count for value, count in sorted(Counter(values).items())}


def grouped(rows: list[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return {name: line(groups[name]) for name in sorted(groups, key=place)}


def place(name: str) -> tuple[int, str]:
    """Where a group stands: the picture's own size, then smaller and smaller ones; or by name."""
    number = name.partition(" ")[0]
    largest = LARGEST_PIXELS if name == OWN_SIZE else 0
    return (-int(number) if number.isdigit() else -largest, name)


def line(rows: list[dict[str, Any]]) -> dict[str, Any]:
    fast = [row for row in rows if row["mode"] == "fast"]
    bits = [row["bits"] for row in fast if row["bits"] is not None]
    return {
        "files": len(rows),
        "exact": len(rows) - len(fast),
        "mean_bits": round(float(np.mean(bits)), 2) if bits else None,
        "most_bits": max(bits, default=None),
        "most_quality": max((row["quality"] for row in fast), default=None),
    }


def drawn(page: str, record: dict[str, Any]) -> str:
    """The page with each table between its marks drawn anew."""
    tables = {
        "bits": counts_table(record["bits"], "bits apart"),
        "quality": counts_table(record["quality"], "quality apart"),
        "sides": groups_table(record["by_side"], "longest side"),
        "edits": groups_table(record["by_edit"], "saved as"),
        "whole": table(
            ["what", "value"],
            [
                ["photographs", record["photographs"]],
                ["files", record["files"]],
                ["of them hashed by `fast`", record["fast"]],
                ["of them hashed exactly after all", record["files"] - record["fast"]],
                [
                    "where one mode has a hash and the other has none",
                    record["disagree_whether_there_is_a_hash"],
                ],
                ["most bits within 1 of the median, where `fast`", record["most_bits_at_median"]],
            ],
        ),
    }
    for name, text in tables.items():
        start, end = f"<!-- table: {name} -->\n", "<!-- end -->"
        head, _, rest = page.partition(start)
        page = head + start + text + end + rest.partition(end)[2]
    return page


def counts_table(counts: dict[str, int], what: str) -> str:
    whole = sum(counts.values())
    rows = [[value, count, f"{100 * count / whole:.2f} %"] for value, count in counts.items()]
    return table([what, "files", "share"], rows)


def groups_table(groups: dict[str, dict[str, Any]], what: str) -> str:
    heads = [what, "files", "hashed exactly", "bits apart: mean", "most", "quality apart: most"]
    return table(heads, [[name, *of_it.values()] for name, of_it in groups.items()])


def table(heads: list[str], rows: list[list[Any]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    shown = (["-" if cell is None else str(cell) for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in shown)


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:]])
