"""The comparison as a table: questions down, options across; the same for console, HTML and JSON.

Guarantees: every cell is computed from the run. A tone (good, mixed, bad, plain) says how a cell
reads; it follows from the numbers by the rule of its row.
"""

from collections.abc import Callable, Sequence

from softfall.compare import asking_rows, cost_rows, findings, theft_rows
from softfall.compare.cells import TAKES_NO_PART, Cell, Group, Row, Tone, percent, size
from softfall.compare.findings import RECIPIENT, SENDER
from softfall.compare.plan import AS_IT_IS, Cheat, Kind
from softfall.compare.results import Comparison, OptionRun
from softfall.compare.statistics import CONFIDENCE, Share, upper_bound
from softfall.compare.trials.table import trial_group

NOTHING_SUBMITTED = "there is nothing to lie about: the provider hashes the picture itself"

_Answer = Callable[[Comparison, OptionRun], Cell]


def make_table(comparison: Comparison) -> list[Group]:
    """The whole table."""
    return [
        Group("What is stopped", (*_stopping(comparison), *_edits(comparison))),
        Group("What is not stopped, or wrongly", _rows(comparison, _MISSING)),
        Group("Who can cheat", (*_cheats(comparison), *_rows(comparison, _COLLUSION))),
        Group("Who can read what", _rows(comparison, _READING)),
        trial_group(comparison),
        Group("If one thing is stolen", _rows(comparison, theft_rows.ROWS)),
        Group("What it costs, a picture", _rows(comparison, cost_rows.COSTS)),
        Group("Before the first picture", _rows(comparison, cost_rows.SETUP)),
        Group("Is the account complete", _rows(comparison, _SOUNDNESS)),
    ]


def _rows(comparison: Comparison, questions: Sequence[tuple[str, str, _Answer]]) -> tuple[Row, ...]:
    return tuple(
        Row(question, detail, tuple(answer(comparison, run) for run in comparison.options))
        for question, detail, answer in questions
    )


def _more_is_better(share: Share) -> Tone:
    if share.total == 0:
        return Tone.PLAIN
    if share.count == share.total:
        return Tone.GOOD
    return Tone.MIXED if share.count * 2 >= share.total else Tone.BAD


def _none_is_better(share: Share) -> Tone:
    return Tone.GOOD if share.count == 0 else Tone.BAD


def _stopping(comparison: Comparison) -> tuple[Row, ...]:
    def as_they_are(comparison: Comparison, run: OptionRun) -> Cell:
        share = findings.stopped(findings.sent_of(comparison, run, Kind.AS_IS))
        return Cell(str(share), tone=_more_is_better(share))

    def edited(comparison: Comparison, run: OptionRun) -> Cell:
        recalls = findings.recall_by_edit(comparison, run)
        total = findings.recall_overall([each for each in recalls if each.edit != AS_IT_IS], "")
        return Cell(str(total.stopped), f"plain PDQ: {total.plain}", Tone.PLAIN)

    def kept(comparison: Comparison, run: OptionRun) -> Cell:
        recalls = findings.recall_by_edit(comparison, run)
        share = findings.recall_overall(recalls, "").kept
        return Cell(str(share), percent(share.value, 1), _more_is_better(share))

    return _rows(
        comparison,
        (
            (
                "Listed pictures, sent as they are",
                "held back before the recipient saw them",
                as_they_are,
            ),
            (
                "Of those that plain PDQ matches",
                "as they are and edited, within the match radius; held or not",
                kept,
            ),
            ("Listed pictures after everyday edits", "all edits together", edited),
        ),
    )


def _edits(comparison: Comparison) -> tuple[Row, ...]:
    columns = [findings.recall_by_edit(comparison, run) for run in comparison.options]
    rows = []
    for at, first in enumerate(columns[0] if columns else ()):
        if first.edit == AS_IT_IS:
            continue
        cells = []
        for column in columns:
            recall = column[at]
            tone = _more_is_better(recall.kept) if recall.kept.total else Tone.PLAIN
            cells.append(Cell(str(recall.stopped), tone=tone))
        detail = f"plain PDQ: {first.plain}"
        rows.append(Row(first.edit, detail, tuple(cells), minor=True))
    return tuple(rows)


def _by_mistake(comparison: Comparison, run: OptionRun) -> Cell:
    share = findings.stopped(findings.sent_of(comparison, run, Kind.UNLISTED))
    bound = percent(upper_bound(share), 1)
    note = (
        f"list of {comparison.list_size:,}; true rate under {bound} "
        f"({percent(CONFIDENCE)} sure, if they are independent)"
    )
    return Cell(str(share), note, _none_is_better(share))


def _new_material(comparison: Comparison, run: OptionRun) -> Cell:
    share = findings.stopped(findings.sent_of(comparison, run, Kind.UNLISTED))
    return Cell(str(share), "a list knows only what somebody has seen before", Tone.BAD)


def _text_only(comparison: Comparison, run: OptionRun) -> Cell:
    share = findings.stopped(findings.sent_of(comparison, run, Kind.TEXT))
    return Cell(str(share), "hash options look at pictures only", Tone.BAD)


def _cheats(comparison: Comparison) -> tuple[Row, ...]:
    rows = [
        Row(
            "Patched sender caught",
            "a listed picture, by an app that cheats in one way; caught before it is shown",
            tuple(_caught(comparison, run, None) for run in comparison.options),
        )
    ]
    rows += [
        Row(
            f"hands over {cheat.value}",
            "",
            tuple(_caught(comparison, run, cheat) for run in comparison.options),
            minor=True,
        )
        for cheat in Cheat
    ]
    return tuple(rows)


def _caught(comparison: Comparison, run: OptionRun, cheat: Cheat | None) -> Cell:
    """One cheat's cell; of all cheats together where `cheat` is None."""
    sent = findings.sent_of(comparison, run, Kind.CHEAT, cheat=cheat)
    share = findings.stopped(sent)
    if cheat is None:
        return Cell(str(share), "" if run.submits else NOTHING_SUBMITTED, _more_is_better(share))
    note = "; ".join(findings.by_whom(sent)) if run.submits else ""
    return Cell(str(share), note, _more_is_better(share))


def _colluding(comparison: Comparison, run: OptionRun) -> Cell:
    share = findings.stopped(findings.sent_of(comparison, run, Kind.COLLUDING))
    if share.total and share.count == 0:
        return Cell("no", f"{share} stopped", Tone.BAD)
    return Cell(str(share), "stopped", _more_is_better(share))


def _provider_pictures(comparison: Comparison, run: OptionRun) -> Cell:
    files = {turn.picture for turn in comparison.turns if turn.picture is not None}
    share = Share(findings.within_reach(run, "provider")["pictures"], len(files))
    return Cell(str(share), tone=_none_is_better(share))


def _provider_texts(comparison: Comparison, run: OptionRun) -> Cell:
    total = sum(turn.kind is Kind.TEXT for turn in comparison.turns)
    share = Share(findings.within_reach(run, "provider")["texts"], total)
    return Cell(str(share), tone=_none_is_better(share))


def _learned(role: str) -> _Answer:
    def answer(comparison: Comparison, run: OptionRun) -> Cell:
        views = findings.views_of(run, role)
        if not views:
            return TAKES_NO_PART
        natures = findings.natures(run, role)
        told = [f"{nature}: {size(count)}" for nature, count in natures.items()]
        return Cell(size(sum(view.body_bytes for view in views)), "; ".join(told))

    return answer


def _list_at(role: str) -> _Answer:
    def answer(comparison: Comparison, run: OptionRun) -> Cell:
        if role not in {each.role for each in run.readable}:
            return TAKES_NO_PART
        found = findings.readable_of(run, role)
        share = Share(found["list_entries"], comparison.list_size)
        note = (
            f"{share.count:,} of {share.total:,} entries found in the "
            f"{size(found['searched_bytes'])} that it received"
        )
        return Cell("no" if share.count == 0 else "yes", note, _none_is_better(share))

    return answer


def _undeclared(comparison: Comparison, run: OptionRun) -> Cell:
    count = sum(each.count for each in run.undeclared)
    if not count:
        return Cell("none", "every received body was decoded by its declaration", Tone.GOOD)
    told = "; ".join(f"{each.role}, {each.route}: {each.why}" for each in run.undeclared[:3])
    return Cell(f"{count:,}", told, Tone.BAD)


def _lost(comparison: Comparison, run: OptionRun) -> Cell:
    share = findings.lost(run)
    return Cell(str(share), tone=_none_is_better(share))


_MISSING: Sequence[tuple[str, str, _Answer]] = (
    (
        "Unlisted pictures, held by mistake",
        "pictures of which plain PDQ finds no entry within the match radius",
        _by_mistake,
    ),
    ("New material, stopped", "pictures that are on no list yet", _new_material),
    ("Grooming by text alone, stopped", "messages without a picture", _text_only),
)
_COLLUSION: Sequence[tuple[str, str, _Answer]] = (
    (
        "Colluding pair caught",
        "a listed picture, both people's apps patched: nobody honest looks",
        _colluding,
    ),
)
_READING: Sequence[tuple[str, str, _Answer]] = (
    (
        "Pictures that the provider can read",
        "files open in the bytes that it received, or to a key that it holds",
        _provider_pictures,
    ),
    (
        "Words that the provider can read",
        "text messages open in the bytes that it received, or to a key that it holds",
        _provider_texts,
    ),
    ("Can the list be read on the device", "by the recipient's device", _list_at(RECIPIENT)),
    ("Can the list be read at the provider", "", _list_at("provider")),
    ("Can the list be read at the keyholder", "", _list_at("keyholder")),
    *asking_rows.ROWS,
    ("The provider received", "bytes of bodies, by what they are to it", _learned("provider")),
    ("The custodian received", "bytes of bodies, by what they are to it", _learned("custodian")),
    ("The dealer received", "bytes of bodies, by what they are to it", _learned("dealer")),
    ("The enclave received", "bytes of bodies, by what they are to it", _learned("enclave")),
    ("The keyholder received", "bytes of bodies, by what they are to it", _learned("keyholder")),
    ("The sender's device received", "bytes of bodies", _learned(SENDER)),
    ("The recipient's device received", "bytes of bodies", _learned(RECIPIENT)),
)
_SOUNDNESS: Sequence[tuple[str, str, _Answer]] = (
    ("Bytes that nothing declares", "received by any party", _undeclared),
    ("Messages lost", "neither shown nor stopped by a decision", _lost),
)
