"""Every error that Softfall raises on purpose: whose fault it is, and what to do about it.

    SoftfallError
    ├── InputError           the caller handed over something unusable
    ├── PeerError            another party broke the protocol, or tried to cheat
    ├── UnavailableError     another party cannot be reached, or is too slow
    ├── RefusedError         a rule or a limit says no
    └── OperatorError        the installation or its configuration is wrong

Each concrete error is a class of its own, declared in the room that raises it, one level below
one of the five. It says `what` happened (one sentence, no content of any message) and its class
carries the `remedy`. HTTP statuses and exit codes are mapped at the edges only (`edge/`, `cli/`).
"""

from enum import Enum
from typing import ClassVar


class Blame(Enum):
    """Whose fault an error is."""

    CALLER = "caller"
    PEER = "peer"
    NETWORK = "network"
    RULE = "rule"
    OPERATOR = "operator"


class SoftfallError(Exception):
    """The root. `str(error)` is one sentence; `error.remedy` says what to do."""

    blame: ClassVar[Blame]
    remedy: str  # the class's; an error that passes another's on has that one's

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    @property
    def name(self) -> str:
        """The stable name that documents, logs and HTTP replies use."""
        return type(self).__name__


class InputError(SoftfallError):
    """The caller handed over something unusable; nothing was changed."""

    blame = Blame.CALLER
    remedy = "Correct the input and try again."


class PeerError(SoftfallError):
    """Another party broke the protocol or tried to cheat; what it sent was not used."""

    blame = Blame.PEER
    remedy = "Do not retry; keep the evidence and report it."


class UnavailableError(SoftfallError):
    """Another party cannot be reached or is too slow; nothing was lost."""

    blame = Blame.NETWORK
    remedy = "Try again later; the same request may be repeated safely."
    # Whether a party that must judge a picture is away, whatever the picture: what an operator's
    # rule for outages is about. Not so for what one picture may bring about, nor for one's own
    # disk.
    party_is_away: bool = False


class RefusedError(SoftfallError):
    """A rule or a limit says no."""

    blame = Blame.RULE
    remedy = "See the rule that is named; it is configuration, not chance."


class OperatorError(SoftfallError):
    """The installation or its configuration is wrong; nothing was started."""

    blame = Blame.OPERATOR
    remedy = "Run `softfall doctor` and follow what it prints."
