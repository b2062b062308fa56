"""What an option can't do, read from its own modules' first lines, where the authors said it.

A module's docstring may hold a paragraph that begins with "Limit", "Limits" or "What it shows",
up to the next sentence that begins a new statement of the docstring, or its end.
"""

import re
from types import ModuleType
from typing import Final

_BEGINS: Final = re.compile(r"^(Limits?(?:, [a-z ]+)?|What it shows[^:]*): ?", re.MULTILINE)
_ENDS: Final = re.compile(
    r"^(Source|Guarantees|Refuses|Leaves|Names|Who sees|No configuration|\s*$)", re.MULTILINE
)


def limits_of(*modules: ModuleType) -> tuple[str, ...]:
    """Each module's stated limits, one string a paragraph, on one line."""
    found: list[str] = []
    for module in modules:
        text = module.__doc__ or ""
        for begin in _BEGINS.finditer(text):
            rest = text[begin.end() :]
            end = _ENDS.search(rest)
            paragraph = rest[: end.start()] if end else rest
            found.append(" ".join(paragraph.split()))
    return tuple(dict.fromkeys(found))
