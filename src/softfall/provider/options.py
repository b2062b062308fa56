"""Which option this provider offers, as one table: its half, and the messages that it relays.

Guarantees: an option's code is loaded only where it is configured; the device's half never is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from softfall.options.contract import ProviderHalf
from softfall.wire import Message

OUTAGE = "outage"
NONE = "none"


@dataclass(frozen=True, slots=True)
class OfferedOption:
    """One option as the provider runs it.

    make_half: from (epoch, artefact bytes) to the provider's half.
    request, reply: what devices ask the custodian through the provider; `request` has an `epoch`.
    """

    name: str
    make_half: Callable[[int, bytes], ProviderHalf]
    request: Message
    reply: Message


def _split() -> OfferedOption:
    from softfall.options.split.provider import SplitProvider
    from softfall.options.tags.wire import REPLY, REQUEST

    return OfferedOption(SplitProvider.name, SplitProvider, REQUEST, REPLY)


_OFFERED: Mapping[str, Callable[[], OfferedOption]] = {"split": _split}


def offered(name: str) -> OfferedOption | None:
    """The option of this name; None for `none`."""
    return None if name == NONE else _OFFERED[name]()
