"""What one theft opens, as rows of the table: each cell is from the theft that the witness did."""

from collections.abc import Callable, Sequence
from typing import Final

from softfall.compare.cells import Cell, Tone
from softfall.compare.results import BlastRadius, Comparison, Counted, OptionRun

Answer = Callable[[Comparison, OptionRun], Cell]
NOT_TRIED: Final = Cell("-", "not tried")


def _none_is_better(found: Counted) -> Tone:
    return Tone.GOOD if found.count == 0 else Tone.BAD


def share_of(found: Counted) -> str:
    """As people read it."""
    return f"{found.count:,} of {found.total:,}"


def _stolen(_: Comparison, run: OptionRun) -> Cell:
    if run.blast is None:
        return NOT_TRIED
    return Cell(run.blast.stolen, run.blast.how)


def _opened(of: Callable[[BlastRadius], Counted]) -> Answer:
    def answer(_: Comparison, run: OptionRun) -> Cell:
        if run.blast is None:
            return NOT_TRIED
        found = of(run.blast)
        return Cell(share_of(found), tone=_none_is_better(found))

    return answer


def _was_sent(_: Comparison, run: OptionRun) -> Cell:
    if run.blast is None:
        return NOT_TRIED
    known, mistaken = run.blast.sent_known, run.blast.never_sent_taken_for_sent
    note = f"and yes for {share_of(mistaken)} mirrored copies that nobody sent"
    return Cell(f"yes for {share_of(known)}", note, _none_is_better(known))


ROWS: Final[Sequence[tuple[str, str, Answer]]] = (
    ("The worst single compromise", "carried out by the witness after the run", _stolen),
    ("Messages that it opens", "of those that the thief had", _opened(lambda b: b.messages)),
    ("Pictures that it opens", "of the files that were sent", _opened(lambda b: b.pictures)),
    ("Words that it opens", "of the text messages that were sent", _opened(lambda b: b.texts)),
    (
        "Perceptual hashes that it gives away",
        "of the pictures that were sent; a hash can be turned back into a rough picture",
        _opened(lambda b: b.hashes),
    ),
    ("Can it tell whether picture P was sent", "asked of every picture", _was_sent),
)
