"""What an option costs, as rows of the table: time, processor time, bytes, and what comes before.

Guarantees: medians over pictures from unpatched apps, of the run itself.
"""

from collections.abc import Callable, Sequence
from typing import Final

from softfall.compare import findings
from softfall.compare.cells import TAKES_NO_PART, Cell, duration, size
from softfall.compare.findings import RECIPIENT, SENDER
from softfall.compare.results import Comparison, OptionRun

Answer = Callable[[Comparison, OptionRun], Cell]


def _sender_waits(comparison: Comparison, run: OptionRun) -> Cell:
    sent = findings.honest_pictures(comparison, run)
    return Cell(duration(findings.median_ms(sent, lambda each: each.sender_ms)))


def _decided(comparison: Comparison, run: OptionRun) -> Cell:
    sent = findings.honest_pictures(comparison, run)
    if not any(each.verdict_ms for each in sent):
        return Cell("before it answers")
    return Cell(duration(findings.median_ms(sent, lambda each: each.verdict_ms)))


def _recipient_takes(comparison: Comparison, run: OptionRun) -> Cell:
    sent = findings.delivered(findings.honest_pictures(comparison, run))
    return Cell(duration(findings.median_ms(sent, lambda each: each.recipient_ms)))


def _cpu(role: str) -> Answer:
    def answer(comparison: Comparison, run: OptionRun) -> Cell:
        return Cell(duration(findings.cpu_by_role(comparison, run).get(role)))

    return answer


def _overhead(way: str, role: str) -> Answer:
    def answer(comparison: Comparison, run: OptionRun) -> Cell:
        return Cell(size(findings.overhead_bytes(comparison, run, way, role)))

    return answer


def _confirming(_: Comparison, run: OptionRun) -> Cell:
    costs = run.confirming
    if costs is None:
        return Cell("-", "no candidate was confirmed")
    dealt = ", ".join(f"{size(each)} to the {role}" for role, each in costs.dealt_bytes.items())
    return Cell(
        duration(costs.provider_ms),
        f"{duration(costs.custodian_ms)} of it at the custodian; {size(costs.sent_bytes)} there, "
        f"{size(costs.received_bytes)} back; dealt in advance: {dealt}. "
        f"{costs.candidates:,} candidates, {costs.asked:,} entries asked about",
    )


def _matching(_: Comparison, run: OptionRun) -> Cell:
    costs = run.matching
    if costs is None:
        return Cell("-", "no keyholder takes part")
    return Cell(
        duration(costs.provider_ms),
        f"{duration(costs.keyholder_ms)} of it at the keyholder; {size(costs.sent_bytes)} there, "
        f"{size(costs.received_bytes)} back; {costs.pictures:,} pictures",
    )


def _dealt(_: Comparison, run: OptionRun) -> Cell:
    costs = run.matching
    if costs is None:
        return Cell("-", "nothing is dealt for each picture")
    told = ", ".join(f"{size(each)} to the {role}" for role, each in costs.dealt_bytes.items())
    return Cell(
        size(sum(costs.dealt_bytes.values())),
        f"{told}; {duration(costs.dealer_ms)} at the dealer; used up with the picture",
    )


def _setup(role: str) -> Answer:
    def answer(comparison: Comparison, run: OptionRun) -> Cell:
        for setup in run.setup:
            if setup.role == role:
                note = f"{setup.seconds:,.1f} s; {setup.what}" if setup.seconds else setup.what
                return Cell(size(setup.received_bytes), note)
        return TAKES_NO_PART

    return answer


COSTS: Final[Sequence[tuple[str, str, Answer]]] = (
    ("The sender waits", "until its app has its answer; median", _sender_waits),
    ("The provider decides", "from its answer to its decision; median", _decided),
    ("The recipient's app takes", "from asking to showing; median", _recipient_takes),
    ("Processor time, sender", "median", _cpu(SENDER)),
    ("Processor time, provider", "median", _cpu("provider")),
    ("Processor time, custodian", "median", _cpu("custodian")),
    ("Processor time, enclave", "median", _cpu("enclave")),
    ("Processor time, keyholder", "median", _cpu("keyholder")),
    ("Processor time, dealer", "median, of what it deals meanwhile", _cpu("dealer")),
    ("Processor time, recipient", "median, of delivered pictures", _cpu(RECIPIENT)),
    (
        "Confirming a candidate",
        "one entry, two round trips to the custodian; elapsed, median",
        _confirming,
    ),
    (
        "Matching one picture",
        "two round trips to the keyholder, the provider's own work between them; elapsed, median",
        _matching,
    ),
    ("Dealt in advance for one picture", "random; of no picture", _dealt),
    ("Bytes up, sender", "beyond the picture's own file; median", _overhead("up", SENDER)),
    ("Bytes down, sender", "median", _overhead("down", SENDER)),
    (
        "Bytes down, recipient",
        "beyond the picture's own file; median",
        _overhead("down", RECIPIENT),
    ),
)
SETUP: Final[Sequence[tuple[str, str, Answer]]] = (
    ("The custodian's set-up", "bytes of the list, and time", _setup("custodian")),
    ("The provider's set-up", "bytes received, and time", _setup("provider")),
    ("The enclave's set-up", "bytes received, and time", _setup("enclave")),
    ("The keyholder's set-up", "bytes received, and time", _setup("keyholder")),
    ("Each device's set-up", "bytes of the list, or made from it", _setup("device")),
)
