"""The provider's half of `on_device`: it is told of candidates, and of nothing else.

Guarantees: `form` and `judge` depend on a submission's bytes and the parameters alone. A picture
that is no candidate shows the provider one constant submission. A candidate goes to `confirm`; no
verdict of this half holds anything.
Refuses: submissions that no unpatched client makes, as Malformed.
Limits, printed: the provider must believe a sender that says nothing was found; an honest recipient
does not (`check`). Of a candidate it learns the entry numbers, whatever `confirm` then says.
"""

from typing import ClassVar

from softfall.options.confirm.wire import CONFIRM_SHARES
from softfall.options.contract import (
    Candidate,
    Clear,
    Malformed,
    ProviderPorts,
    Submission,
    Verdict,
)
from softfall.options.on_device import segment, wire
from softfall.options.on_device.opening import NAME, entries_of
from softfall.options.on_device.parameters import OnDeviceParameters
from softfall.options.tags.wire import decode, number, octets
from softfall.wire import MalformedMessage


class OnDeviceProvider:
    """One epoch, by its parameters; the provider mirrors the map but need not look into it."""

    name: ClassVar[str] = NAME

    def __init__(self, epoch: int, parameters: OnDeviceParameters) -> None:
        self.epoch = epoch
        self.parameters = parameters

    @classmethod
    def of_artefact(cls, epoch: int, artefact: bytes) -> "OnDeviceProvider":
        """From the epoch's base segment, as `Prepared.artefact`. Raises BadSegment."""
        base = segment.decode(artefact)
        if base.epoch != epoch:
            raise segment.BadSegment(f"the file is of epoch {base.epoch}, not {epoch}")
        return cls(epoch, base.parameters)

    def form(self, submission: Submission) -> Malformed | None:
        """Malformed unless it is one constant, or entries with their shares."""
        if submission.option != self.name:
            return Malformed("another option")
        if submission.epoch != self.epoch:
            return Malformed("wrong epoch")
        try:
            _, entries, shares = self._decode(submission)
        except MalformedMessage:
            return Malformed("malformed submission")
        if bool(entries) != bool(shares):
            return Malformed("entries without shares")
        if len(set(entries)) != len(entries) or any(
            entry >= 1 << self.parameters.code_bits for entry in entries
        ):
            return Malformed("impossible entries")
        return None

    def judge(self, submission: Submission, ports: ProviderPorts) -> Verdict:
        """Candidate if the device found any entry, else Clear. Asks nobody."""
        del ports
        malformed = self.form(submission)
        if malformed is not None:
            return malformed
        version, entries, shares = self._decode(submission)
        if not entries:
            return Clear("nothing found on the device")
        evidence = {"entries": list(entries), "list_version": version}
        return Candidate("found on the device", evidence, entries, shares)

    def _decode(self, submission: Submission) -> tuple[int, tuple[int, ...], bytes]:
        values = decode(wire.SUBMISSION, submission.body)
        shares = octets(values, "shares")
        if shares:
            decode(CONFIRM_SHARES, shares)
        return number(values, "list_version"), entries_of(values), shares
