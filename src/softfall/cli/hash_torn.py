"""Whether the last bytes of an output can be the beginning of a line of `softfall hash`.

Guarantees: every beginning of a line that a run writes is taken for one, so that a killed run can
be gone on with. Of a CSV line that ends within its first cell, the file's name, only the beginning
of a path that this run is given, or of a file below one: any words might be a name otherwise.
"""

import codecs
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from softfall.cli.hash_rows import shown_name

_STRING: Final = r'"(?:[ !#-\[\]-~]|\\(?:["\\/bfnrt]|u[0-9a-f]{4}))*"'
_VALUE: Final = re.compile(rf"{_STRING}|null|-?[0-9][-+.0-9e]*")
_TORN_VALUE: Final = re.compile(rf"{_STRING[:-1]}(?:\\(?:u[0-9a-f]{{0,3}})?)?|n(?:ul?)?|-")
_FORMULA_STARTS: Final = ("=", "+", "-", "@")
_CELLS: Final = {
    **dict.fromkeys(("path_hex", "pdq", "pdq_stripped", "sha256", "md5"), re.compile("[0-9a-f]*")),
    **dict.fromkeys(("quality", "quality_stripped", "width", "height"), re.compile("[0-9]*")),
    "mode": re.compile("[a-z]*"),
}


def torn_json(rest: bytes, names: Sequence[str]) -> bool:
    """rest: what follows the last line end, in a file of JSON lines."""
    if not rest.isascii():
        return False
    text, at = rest.decode("ascii"), 0
    for place, name in enumerate(names):
        literal = f'{", " if place else "{"}"{name}": '
        if len(text) - at <= len(literal):
            return literal.startswith(text[at:])
        if not text.startswith(literal, at):
            return False
        at += len(literal)
        if at == len(text):
            return True
        value = _VALUE.match(text, at)
        if value is None:
            return _TORN_VALUE.fullmatch(text, at) is not None
        at = value.end()
    return text[at:] in ("", "}")


def torn_csv(rest: bytes, names: Sequence[str], hashed: Iterable[Path]) -> bool:
    """rest: what follows the last line end, in a CSV file. hashed: the paths that are given."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(rest)  # a last character may be torn
    except UnicodeDecodeError:
        return False
    path, *cells = _cells(text)
    if not cells:
        return any(_leads_to(path, given) for given in hashed)
    if len(cells) >= len(names):
        return False
    patterns = (_CELLS.get(name) for name in names[1:])
    return all(
        pattern is None or pattern.fullmatch(cell.rstrip("\r"))
        for cell, pattern in zip(cells, patterns, strict=False)
    )


def _cells(text: str) -> list[str]:
    """The cells, the last one as far as it goes."""
    cells, quoted, begun = [""], False, 0
    for char in text:
        if char == '"':
            quoted = not quoted
        if char == "," and not quoted:
            cells.append("")
            begun += 1
        else:
            cells[begun] += char
    return [_unquoted(cell) for cell in cells]


def _unquoted(cell: str) -> str:
    if not cell.startswith('"'):
        return cell
    return cell[1:].replace('""', "\0").removesuffix('"').replace("\0", '"')


def _leads_to(torn: str, given: Path) -> bool:
    shown = shown_name(given)[0]
    if shown == ".":  # what lies in it is named without it
        return not torn.startswith("/")
    if torn.startswith("'") and shown.startswith(_FORMULA_STARTS):
        torn = torn[1:]
    return shown.startswith(torn) or torn.startswith(shown.rstrip("/") + "/")
