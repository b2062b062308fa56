"""Names of staff and tools: what the audit log and the pages call them.

Guarantees: short, lower-case, without spaces, never a word that stands for something without a
person in the audit log.
"""

import re
from typing import Final

from softfall.casework.model import CLOCK, INTAKE, SYSTEM
from softfall.errors import InputError

OPERATOR: Final = "operator"  # whoever types `softfall staff ...` at the machine itself
PROVIDER: Final = "provider"
UNKNOWN: Final = "unknown"
RESERVED: Final = frozenset({CLOCK, INTAKE, SYSTEM, OPERATOR, PROVIDER, UNKNOWN})

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class StaffNameUnfit(InputError):
    """A name that can't be one of a member of staff, or of a tool."""

    remedy = (
        "Use 1 to 63 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit; the words "
        "that the audit log needs for itself (system, clock, provider ...) are taken."
    )


def check_name(name: str) -> None:
    """Raises StaffNameUnfit."""
    if not _NAME.fullmatch(name):
        raise StaffNameUnfit("the name does not have the form of one")
    if name in RESERVED:
        raise StaffNameUnfit(f"{name} is a word that the audit log needs for itself")
