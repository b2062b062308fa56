"""What decoders of one file disagree on, and what a patched sender gains inside the tolerance.

Run: python docs/experiments/decoder_tolerance.py  (under a minute; prints the tables of
decoder_tolerance.md). Photographs: those shipped with scikit-image and scikit-learn, each whole and
as four quarters. Nothing is random, so the figures come again.
"""

import io
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import simplejpeg
import skimage.data
import sklearn.datasets
from PIL import Image, ImageEnhance, ImageFilter

from softfall.config import MediaLimits
from softfall.media.decode import decode
from softfall.media.pdq import MIN_QUALITY, PdqHash, cut, pdq, spectrum
from softfall.options.on_device.parameters import DEFAULT_PARAMETERS as MAP
from softfall.options.split.parameters import DEFAULT_PARAMETERS as SPLIT
from softfall.options.tags import pieces, tolerance
from softfall.options.tags.parameters import TagParameters

Pixels = npt.NDArray[np.uint8]
NAMES = [
    *("astronaut", "brick", "camera", "cell", "chelsea", "coffee", "coins", "grass", "gravel"),
    *("hubble_deep_field", "immunohistochemistry", "moon", "retina", "rocket"),
]
OPTIONS = {"split": SPLIT, "on_device": MAP.tags}
TRIED_MARGINS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 6.0)

DECODERS: dict[str, Callable[[bytes], Pixels]] = {
    "Softfall (libjpeg-turbo, accurate)": lambda data: decode(data, MediaLimits()).pixels,
    "Pillow": lambda data: np.asarray(Image.open(io.BytesIO(data)).convert("RGB")),
    "luminance only (accurate)": lambda data: simplejpeg.decode_jpeg(data, "GRAY")[:, :, 0],
    "fast DCT and upsampling": lambda data: simplejpeg.decode_jpeg(
        data, "RGB", fastdct=True, fastupsample=True
    ),
}


def jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, subsampling=0 if quality > 90 else 2)
    return out.getvalue()


def cropped(picture: Image.Image, share: float) -> Image.Image:
    x, y = int(picture.width * share), int(picture.height * share)
    return picture.crop((x, y, picture.width - x, picture.height - y))


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda p: p,
    "JPEG 30": lambda p: Image.open(io.BytesIO(jpeg(p, 30))).convert("RGB"),
    "half size": lambda p: p.resize((p.width // 2, p.height // 2)),
    "brightness +20 %": lambda p: ImageEnhance.Brightness(p).enhance(1.2),
    "contrast +20 %": lambda p: ImageEnhance.Contrast(p).enhance(1.2),
    "blur, 2 pixels": lambda p: p.filter(ImageFilter.GaussianBlur(2)),
    "crop 1 % a side": lambda p: cropped(p, 0.01),
    "crop 2 % a side": lambda p: cropped(p, 0.02),
}


def photographs() -> Iterator[Image.Image]:
    shipped = [getattr(skimage.data, name)() for name in NAMES]
    for pixels in (*shipped, *sklearn.datasets.load_sample_images().images):
        picture = Image.fromarray(pixels).convert("RGB")
        picture.thumbnail((768, 768))
        yield picture
        w, h = picture.width // 2, picture.height // 2
        yield from (picture.crop((x, y, x + w, y + h)) for x in (0, w) for y in (0, h))


def bits_of(hash_bits: bytes) -> npt.NDArray[np.bool_]:
    return np.unpackbits(np.frombuffer(hash_bits, np.uint8)).astype(bool)


def decoders_table() -> None:
    rows: dict[str, list[tuple[int, float, float, int]]] = defaultdict(list)
    for picture in photographs():
        for quality in (30, 60, 75, 90, 95):
            data = jpeg(picture, quality)
            seen = {name: spectrum(decoder(data)) for name, decoder in DECODERS.items()}
            own = seen["Softfall (libjpeg-turbo, accurate)"]
            if own.quality < MIN_QUALITY:
                continue
            ours, margins = cut(own)
            signed = np.where(bits_of(ours), margins, -margins)
            for name, other in seen.items():
                theirs, their_margins = cut(other)
                moved = np.where(bits_of(theirs), their_margins, -their_margins)
                differs = bits_of(ours) != bits_of(theirs)
                rows[name].append(
                    (
                        int(differs.sum()),
                        float(margins[differs].max(initial=0)),
                        float(np.abs(signed - moved).max()),
                        abs(own.quality - other.quality),
                    )
                )
    print("| decoder | files | most bits | margin of such a bit | a margin moves by | quality |")
    print("|---|---|---|---|---|---|")
    for name, found in rows.items():
        bits, margin, moves, quality = np.max(np.array(found), axis=0)
        print(
            f"| {name} | {len(found)} | {bits:.0f} | {margin:.2f} | {moves:.2f} | {quality:.0f} |"
        )


def surely_due(
    margins: npt.NDArray[np.float64], probes: int, allowed: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """The cheapest probes, and which of them no patched sender can leave out: a lower bound.

    As `tolerance`'s check, at its weakest: every bit at the median counted as moved, and the slack
    of a probe with as many flips as may pass.
    """
    own = tolerance._flips(pieces.cheapest_masks(margins.tolist(), probes), len(margins))
    costs = own @ margins
    slack = allowed * (own | (margins <= allowed)).sum(axis=1)
    ceiling = costs.max() + slack.max()
    dear = np.cumsum(np.maximum(np.sort(margins) - allowed, 0))
    most_flips = int((dear <= ceiling).sum())
    return own, costs + slack < costs.max() - allowed * most_flips


def caught(original: PdqHash, copy: PdqHash, parameters: TagParameters) -> npt.NDArray[np.bool_]:
    """A candidate when honest; when cheating at each tried margin; with the base probes only."""
    moved = bits_of(original.bits) != bits_of(copy.bits)
    tables = np.zeros(len(TRIED_MARGINS) + 2, dtype=int)
    for positions in parameters.positions:
        margins = copy.margins[list(positions)].astype(np.float64)
        wanted = moved[list(positions)]
        for column, allowed in enumerate(TRIED_MARGINS, 1):
            own, due = surely_due(margins, parameters.probes, allowed)
            hit = (own == wanted).all(axis=1)
            tables[column] += (hit & due).any()
        tables[0] += hit.any()
        tables[-1] += not wanted.any()
    return tables >= parameters.hits


def gain_tables() -> None:
    found: dict[tuple[str, str], list[npt.NDArray[np.bool_]]] = defaultdict(list)
    for picture in photographs():
        original = pdq(np.asarray(picture))
        for name, edit in EDITS.items():
            copy = pdq(np.asarray(edit(picture)))
            if not isinstance(original, PdqHash) or not isinstance(copy, PdqHash):
                continue
            if (bits_of(original.bits) != bits_of(copy.bits)).sum() <= 31:
                for option, parameters in OPTIONS.items():
                    found[option, name].append(caught(original, copy, parameters))
    heads = "".join(f" {allowed} |" for allowed in TRIED_MARGINS)
    for option in OPTIONS:
        print(f"\n{option}\n\n| edit | pairs | honest |{heads} order not checked |")
        print("|---" * (len(TRIED_MARGINS) + 4) + "|")
        rows_of = {name: found[option, name] for name in EDITS}
        rows_of["all of these"] = [row for rows in rows_of.values() for row in rows]
        for name, rows in rows_of.items():
            shares = "".join(f" {share:.3f} |" for share in np.mean(rows, axis=0))
            print(f"| {name} | {len(rows)} |{shares}")


if __name__ == "__main__":
    decoders_table()
    gain_tables()
