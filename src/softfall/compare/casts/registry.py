"""The options that a comparison knows, each with its cast."""

import difflib
from collections.abc import Callable
from typing import Final

from softfall.compare.casts.cast import Cast
from softfall.errors import InputError


class UnknownOption(InputError):
    """No option of this name can be compared."""

    remedy = "Name one of the options that `softfall compare --help` lists."


def _in_transit() -> Cast:
    from softfall.compare.casts.in_transit import InTransit

    return InTransit()


def _split() -> Cast:
    from softfall.compare.casts.split import Split

    return Split()


def _backdoor() -> Cast:
    from softfall.compare.casts.backdoor import Backdoor

    return Backdoor()


def _on_device() -> Cast:
    from softfall.compare.casts.on_device import OnDevice

    return OnDevice()


def _enclave() -> Cast:
    from softfall.compare.casts.enclave import Enclaved

    return Enclaved()


def _homomorphic() -> Cast:
    from softfall.compare.casts.homomorphic import Homomorphic

    return Homomorphic()


def _homomorphic_permuted() -> Cast:
    from softfall.compare.casts.homomorphic import HomomorphicPermuted

    return HomomorphicPermuted()


CASTS: Final[dict[str, Callable[[], Cast]]] = {
    "in_transit": _in_transit,
    "split": _split,
    "on_device": _on_device,
    "enclave": _enclave,
    "homomorphic": _homomorphic,
    "homomorphic_permuted": _homomorphic_permuted,
    "backdoor": _backdoor,
}


def make_cast(name: str) -> Cast:
    """A fresh cast. Raises UnknownOption, naming the nearest."""
    if name not in CASTS:
        nearest = difflib.get_close_matches(name, CASTS, n=1, cutoff=0.0)
        raise UnknownOption(f"{name!r} is no option; the nearest is {nearest[0]!r}")
    return CASTS[name]()
