"""Small harmless picture files of every format and mode, made in memory for the tests."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
from PIL import Image

WIDTH, HEIGHT = 96, 64


def scene() -> Image.Image:
    """A small smooth random picture."""
    coarse = np.random.default_rng(5).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def see_through() -> Image.Image:
    """The scene, more transparent towards the right."""
    image = scene()
    image.putalpha(Image.linear_gradient("L").rotate(90).resize(image.size))
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """The file's bytes; `kind` is Pillow's name of the format, or HEIC."""
    stream = io.BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(image).save(stream, **{"quality": 70, **options})
    else:
        image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    width: int,
    height: int,
    rows: bytes,
    *,
    depth: int = 8,
    colour: int = 2,
    extra: tuple[bytes, ...] = (),
) -> bytes:
    """A PNG of filtered rows; `extra` chunks stand before the picture's data."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *extra,
            chunk(b"IDAT", zlib.compress(rows, 9)),
            chunk(b"IEND", b""),
        ]
    )


def every_kind() -> dict[str, bytes]:
    """Files of every format and of the modes that matter, by a name that starts with the format."""
    image, clear = scene(), see_through()
    palette = image.quantize(32)
    turned = palette.rotate(90)
    return {
        "jpeg": saved(image, "JPEG"),
        "jpeg progressive": saved(image, "JPEG", progressive=True),
        "jpeg grey": saved(image.convert("L"), "JPEG"),
        "jpeg cmyk": saved(image.convert("CMYK"), "JPEG"),
        "jpeg 4:4:4": saved(image, "JPEG", subsampling=0),
        "png": saved(image, "PNG"),
        "png alpha": saved(clear, "PNG"),
        "png palette": saved(palette, "PNG"),
        "png palette alpha": saved(palette, "PNG", transparency=3),
        "png grey": saved(image.convert("L"), "PNG"),
        "png two tones": saved(image.convert("1"), "PNG"),
        "png metadata": saved(image, "PNG", icc_profile=b"profile" * 9, dpi=(72, 72)),
        "gif": saved(palette, "GIF"),
        "gif animated": saved(palette, "GIF", save_all=True, append_images=[turned]),
        "webp": saved(image, "WEBP"),
        "webp lossless": saved(image, "WEBP", lossless=True),
        "webp alpha": saved(clear, "WEBP"),
        "webp animated": saved(image, "WEBP", save_all=True, append_images=[image.rotate(90)]),
        "heic": saved(image, "HEIC"),
        "heic alpha": saved(clear, "HEIC"),
        "heic tiles": saved(image, "HEIC", tile_size=64),
        "avif": saved(image, "AVIF"),
        "avif alpha": saved(clear, "AVIF"),
    }
