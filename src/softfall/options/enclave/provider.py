"""The provider's half of `enclave`: it forwards what it can't open, and receives one bit.

Guarantees: `form` depends on a submission's bytes alone (and on which key the enclave has now);
the question and its answer have one size whatever the picture. A hold is confirmed, since the
enclave compared the hash itself with every entry, and names no entry.
Refuses: an answer that is not one (BadAnswer). Where the enclave can't judge (another key since a
restart, no list yet) that is an outage, by name, never a verdict.
Limits, printed: the provider learns the bit, and runs the machine that the enclave runs on.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

from softfall.errors import PeerError, UnavailableError
from softfall.options.contract import Clear, Held, Malformed, ProviderPorts, Submission, Verdict
from softfall.options.enclave import sealing, wire
from softfall.options.enclave.outcomes import Outcome
from softfall.options.enclave.parameters import EnclaveParameters
from softfall.wire import MalformedMessage, Party, Value

OTHER_KEY: Final = Malformed("sealed to another key")

_VERDICTS: Final[Mapping[Outcome, Verdict]] = {
    Outcome.CLEAR: Clear("no entry within the radius"),
    Outcome.MATCH: Held("match", {"confirmed": True}),
    Outcome.MISMATCH: Malformed("key and commitment do not fit"),
    Outcome.UNREADABLE: Malformed("the capsule does not open"),
}


class BadAnswer(PeerError):
    """What the enclave answered is not an answer to what it was asked."""

    remedy = "Nothing was decided; look at the enclave's version and start it anew."


class SealedToAnotherKey(UnavailableError):
    """A submission sealed to a key that the enclave no longer has, since it was started anew."""

    remedy = "The enclave can't open it any more; it is held as an outage until the clock decides."


class EnclaveHasNoList(UnavailableError):
    """The enclave runs, and has no list of the submission's epoch yet."""

    remedy = "Wait until it has fetched its list; look at the custodian if it takes long."
    party_is_away = True


class EnclaveProvider:
    """One epoch of `enclave` at the provider.

    key_now: the digest of the key that the enclave last attested, as the relay saw it; None while
    unknown. With it, a submission sealed to an older key is refused before it is accepted.
    """

    name: ClassVar[str] = sealing.NAME

    def __init__(
        self,
        epoch: int,
        parameters: EnclaveParameters,
        key_now: Callable[[], bytes | None] = lambda: None,
    ) -> None:
        self.epoch = epoch
        self.parameters = parameters
        self._key_now = key_now

    def form(self, submission: Submission) -> Malformed | None:
        """Malformed unless the bytes are a sealed body of this epoch's size, for today's key."""
        if submission.option != self.name:
            return Malformed("another option")
        if submission.epoch != self.epoch:
            return Malformed("wrong epoch")
        try:
            values = wire.decode(wire.SEALED, submission.body)
            wire.octets(values, "body", self.parameters.policy.content_bytes)
        except MalformedMessage:
            return Malformed("malformed seal")
        return OTHER_KEY if self._key_now() not in (None, values["key_digest"]) else None

    def judge(self, submission: Submission, ports: ProviderPorts) -> Verdict:
        """One round trip to the enclave.

        Raises SealedToAnotherKey, EnclaveHasNoList, BadAnswer, or what the port raises.
        """
        (verdict,) = self.judge_batch([submission], ports)
        if isinstance(verdict, UnavailableError):
            raise verdict
        return verdict

    def judge_batch(
        self, submissions: Sequence[Submission], ports: ProviderPorts
    ) -> list[Verdict | UnavailableError]:
        """Up to 64 at once, in order; what could not be judged is in the verdict's place.

        Raises BadAnswer, or what the port raises.
        """
        answer = ports.ask(Party.ENCLAVE, question(submissions))
        return [_verdict(outcome) for outcome in outcomes(answer, len(submissions))]


def question(submissions: Sequence[Submission]) -> bytes:
    """The message that asks about submissions. Raises MalformedMessage for none, or over 64."""
    asked: list[Value] = [{"epoch": s.epoch, "sealed": s.body} for s in submissions]
    return wire.QUESTION.encode({"version": wire.VERSION, "submissions": asked})


def outcomes(answer: bytes, count: int) -> list[Outcome]:
    """What an answer says of each of `count` submissions. Raises BadAnswer."""
    try:
        values = wire.decode(wire.ANSWER, answer)
        told = wire.octets(values, "outcomes", count)
        return [Outcome(value) for value in told]
    except (MalformedMessage, ValueError):
        raise BadAnswer("the enclave's answer is not one to this question") from None


def _verdict(outcome: Outcome) -> Verdict | UnavailableError:
    if outcome is Outcome.OTHER_KEY:
        return SealedToAnotherKey("the enclave has another key since it was started anew")
    if outcome is Outcome.NO_LIST:
        return EnclaveHasNoList("the enclave has no list of this epoch")
    return _VERDICTS[outcome]
