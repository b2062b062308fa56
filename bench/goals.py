"""What the options were asked to reach, and whether a run reached it.

Guarantees: no figure stands here but the bounds; what was measured comes out of a run's record
(`rows`, `figures`), and recall out of the on-device experiment's record.
A goal that needs what a run did not measure is left out of that run's judgement.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Record = dict[str, Any]
Measure = Callable[[Record], float | None]

EXPERIMENT = Path(__file__).parents[1] / "docs" / "experiments" / "on-device.json"


@dataclass(frozen=True, slots=True)
class Goal:
    """What was asked of an option. missed: what to say, and what to do, if it is not reached.

    at_most: whether `bound` is the most or the least that will do.
    """

    option: str
    what: str
    bound: float
    unit: str
    measure: Measure
    at_most: bool = True
    missed: str = ""

    def judge(self, record: Record) -> "Judged | None":
        """None where the record lacks what it takes."""
        measured = self.measure(record)
        if measured is None:
            return None
        met = measured <= self.bound if self.at_most else measured >= self.bound
        asked = "at most" if self.at_most else "at least"
        missed = "" if met else self.missed
        return Judged(self.option, self.what, asked, self.bound, self.unit, measured, met, missed)


@dataclass(frozen=True, slots=True)
class Judged:
    """A goal beside what was measured; missed is empty where it is met."""

    option: str
    what: str
    asked: str
    bound: float
    unit: str
    measured: float
    met: bool
    missed: str


def row(work: str, turned: Callable[[float], float] = float) -> Measure:
    """Our median of one row, in ms, turned into the goal's unit."""

    def measure(record: Record) -> float | None:
        found = [each["our_median_ms"] for each in record["rows"] if each["work"].startswith(work)]
        return turned(found[0]) if len(found) == 1 else None

    return measure


def figure(*keys: str, scale: float = 1) -> Measure:
    """The largest of some figures, times `scale`."""

    def measure(record: Record) -> float | None:
        values = {each["key"]: each["value"] for each in record["figures"]}
        return scale * max(values[key] for key in keys) if set(keys) <= set(values) else None

    return measure


def experiment(part: str, name: str, scale: float = 1) -> Measure:
    """A value of the on-device experiment, for runs that measure the on-device list at all."""

    def measure(record: Record) -> float | None:
        if figure("on_device.download")(record) is None:
            return None
        return scale * float(json.loads(EXPERIMENT.read_text("utf-8"))[part][name])

    return measure


PROTOTYPE = "prototype"
ONE_PICTURE = "one picture among 1,000,000"
BATCH = "64 sealed pictures among 1,000,000, 2 threads"
FIRST_CONTACT = "first contact"

_FEWER_QUESTIONS = (
    "Each question costs two multiplications of libsodium's, which no batch spares: fewer "
    "questions are sooner, at a smaller k, which makes the list cheaper to read "
    "([what fewer questions buy](experiments/on-device.md))."
)

_SLOWER = (
    "This is libsodium's work and Python's call of it. A core that others share is slower, and "
    "every time on this page with it."
)

GOALS: tuple[Goal, ...] = (
    Goal(
        "on_device",
        "download for a million entries",
        20,
        "MB",
        figure("on_device.download", scale=1e-6),
        missed="A smaller map has fewer tables, and less recall.",
    ),
    Goal(
        "on_device",
        "a day with 1,000 changes, the larger of two kinds",
        100,
        "kB",
        figure("on_device.delta.half", "on_device.delta.added", scale=1e-3),
        missed="Fewer tables and check bits make a smaller file, and cost recall or innocents.",
    ),
    Goal(
        "on_device",
        "device's work a picture, its hash being there",
        15,
        "ms",
        figure("on_device.device"),
        missed=_FEWER_QUESTIONS,
    ),
    Goal(
        "on_device",
        "the same, from a 2 MP JPEG's bytes on",
        15,
        "ms",
        figure("on_device.whole"),
        missed="Decoding and hashing take the rest, as under every option that hashes on the "
        "device; a smaller picture takes less, as the rows below say, but it must be the one that "
        "is sent. " + _FEWER_QUESTIONS,
    ),
    Goal(
        "on_device",
        "round trip: question, token and reply",
        8,
        "kB",
        figure("on_device.both_ways", scale=1e-3),
        missed=_FEWER_QUESTIONS,
    ),
    Goal(
        "on_device",
        "recovered of plain PDQ's matches",
        97,
        "%",
        experiment("recall", "recovered", scale=100),
        at_most=False,
        missed="More probes recover more, and cost the device more.",
    ),
    Goal(
        "on_device",
        "innocent pictures that reach `confirm`, the 95 % bound",
        2,
        "%",
        experiment("innocent", "upper", scale=100),
        missed="Check bits let fewer through; each costs half a megabyte.",
    ),
    Goal(
        "on_device",
        "confirmed by mistake, where plain PDQ says no",
        0,
        "pictures",
        experiment("innocent", "confirmed"),
        missed="`confirm` is not exact: a fault.",
    ),
    Goal(
        "enclave",
        "one picture: cached document verified, sealed, opened, scanned",
        60,
        "ms",
        row(ONE_PICTURE),
        missed="The scan reads every entry for every picture, on purpose: a batch shares it, for "
        "a wait.",
    ),
    Goal(
        "enclave",
        "first contact, more",
        10,
        "ms",
        row(FIRST_CONTACT),
        missed="A longer cache lifetime meets the document less often.",
    ),
    Goal(
        "enclave",
        "64 sealed pictures at once, 2 threads",
        40,
        "pictures/s",
        row(BATCH, lambda took_ms: 64 * 1000 / took_ms),
        at_most=False,
        missed="A larger batch shares the scan among more pictures, for a longer wait.",
    ),
    Goal(
        PROTOTYPE,
        "one multiplication of a point",
        41,
        "us",
        figure("tags.multiplication"),
        missed=_SLOWER,
    ),
    Goal(
        PROTOTYPE,
        "one hash to a point",
        12,
        "us",
        figure("tags.hash"),
        missed=_SLOWER,
    ),
    Goal(
        PROTOTYPE,
        "128 evaluations at the device",
        12,
        "ms",
        figure("tags.device"),
        missed="The prototype's figure was the multiplications and nothing else; here the proof "
        "is verified and every input and output checked as well.",
    ),
    Goal(
        PROTOTYPE,
        "128 evaluations at the custodian",
        5,
        "ms",
        figure("tags.custodian"),
        missed="The prototype made no proof and checked no points. A proof is what keeps a "
        "custodian from giving somebody a key of their own.",
    ),
    Goal(
        PROTOTYPE,
        "128 evaluations, both ways",
        8,
        "KiB",
        figure("tags.both_ways", scale=1 / 1024),
        missed="The points alone are 8 KiB; the rest is the proof and the message around them.",
    ),
    Goal(
        PROTOTYPE,
        "map's bits for a bit of value",
        1.13,
        "",
        figure("on_device.bits"),
        missed="A filter's figure, for the largest sets: the segments are a little looser, so "
        "that they can be built at the first or second try.",
    ),
    Goal(
        PROTOTYPE,
        "an attestation document verified",
        1.3,
        "ms",
        figure("enclave.verify"),
        missed="Here the chain's validity, policy and the allow-list are checked each time too.",
    ),
    Goal(
        PROTOTYPE,
        "an attestation document",
        2.3,
        "kB",
        figure("enclave.document", scale=1e-3),
        missed="Our own local chain is longer.",
    ),
)


def judge(record: Record, goals: Iterable[Goal] = GOALS) -> list[dict[str, Any]]:
    """Each goal that the record has figures for, as it goes into the record."""
    judged = (goal.judge(record) for goal in goals)
    return [asdict(each) for each in judged if each is not None]
