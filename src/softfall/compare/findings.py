"""From a run's values to what can be said: counts, shares, medians. Pure.

Guarantees: every number comes out of `results.Comparison`; nothing is typed in by hand.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from softfall.compare.declared import Nature
from softfall.compare.plan import AS_IT_IS, Cheat, Kind
from softfall.compare.results import Comparison, OptionRun, Outcome, Sent, View
from softfall.compare.statistics import Share

STOPPED: Final = frozenset({Outcome.HELD, Outcome.REFUSED, Outcome.QUARANTINED})
HONEST_PICTURES: Final = frozenset({Kind.AS_IS, Kind.EDITED, Kind.UNLISTED})
SENDER: Final = "sender"
RECIPIENT: Final = "recipient"


PERMUTED: Final = "homomorphic_permuted"
_BESIDE: Final = (
    "Not in this run: homomorphic_permuted, the cheaper mode of homomorphic, which shows the "
    "keyholder all distances. Side by side: "
    "softfall compare --option homomorphic --option homomorphic_permuted"
)


def beside(comparison: Comparison) -> str:
    """What was left out of a run of `homomorphic`, and how to see it; empty where nothing was."""
    names = {run.name for run in comparison.options}
    return _BESIDE if "homomorphic" in names and PERMUTED not in names else ""


@dataclass(frozen=True, slots=True)
class EditRecall:
    """One edit: of how many listed pictures plain PDQ finds it, and the option stopped it.

    kept: of those that plain PDQ finds, how many the option stopped.
    """

    edit: str
    plain: Share
    stopped: Share
    kept: Share


def sent_of(
    comparison: Comparison, run: OptionRun, *kinds: Kind, cheat: Cheat | None = None
) -> list[Sent]:
    """The run's messages of these kinds, in order."""
    return [
        sent
        for sent in run.sent
        if comparison.turns[sent.turn].kind in kinds
        and (cheat is None or comparison.turns[sent.turn].cheat is cheat)
    ]


def stopped(sent: Iterable[Sent]) -> Share:
    """How many never reached the recipient's eyes, by a decision."""
    outcomes = [each.outcome for each in sent]
    return Share(sum(outcome in STOPPED for outcome in outcomes), len(outcomes))


def lost(run: OptionRun) -> Share:
    """How many were neither shown nor stopped."""
    return Share(sum(sent.outcome is Outcome.LOST for sent in run.sent), len(run.sent))


def by_whom(sent: Iterable[Sent]) -> dict[str, int]:
    """For stopped messages, who stopped them and why, with counts, the most frequent first."""
    told = Counter(
        f"{each.outcome.value}: {each.reason}" for each in sent if each.outcome in STOPPED
    )
    return dict(told.most_common())


def recall_by_edit(comparison: Comparison, run: OptionRun) -> list[EditRecall]:
    """For listed pictures as they are and after each edit, in the order of the edits."""
    rows: dict[str, list[tuple[bool, bool]]] = {}
    for sent in sent_of(comparison, run, Kind.AS_IS, Kind.EDITED):
        row = comparison.turns[sent.turn].picture
        assert row is not None
        picture = comparison.pictures[row]
        pair = (picture.distance_bits is not None, sent.outcome in STOPPED)
        rows.setdefault(picture.edit, []).append(pair)
    order = {facts.edit: number for number, facts in enumerate(comparison.pictures)}
    names = sorted(rows, key=lambda edit: (edit != AS_IT_IS, order[edit]))
    return [_recall(edit, rows[edit]) for edit in names]


def recall_overall(recalls: Sequence[EditRecall], edit: str) -> EditRecall:
    """The sum of several edits, under one name."""
    return EditRecall(
        edit,
        _sum(each.plain for each in recalls),
        _sum(each.stopped for each in recalls),
        _sum(each.kept for each in recalls),
    )


def median_ms(sent: Sequence[Sent], of: Callable[[Sent], float]) -> float | None:
    """The median over messages; None of none."""
    return median(of(each) for each in sent) if sent else None


def honest_pictures(comparison: Comparison, run: OptionRun) -> list[Sent]:
    """Pictures from unpatched devices: what figures of cost are taken over."""
    return sent_of(comparison, run, *HONEST_PICTURES)


def delivered(sent: Iterable[Sent]) -> list[Sent]:
    """Those that the recipient saw."""
    return [each for each in sent if each.outcome is Outcome.SHOWN]


def cpu_by_role(comparison: Comparison, run: OptionRun) -> dict[str, float]:
    """Median processor time a picture, by role; the recipient's over what it was delivered."""
    sent = honest_pictures(comparison, run)
    roles = [role for role in ROLES if sent and role in sent[0].cpu_ms]
    medians = {}
    for role in roles:
        chosen = delivered(sent) if role == RECIPIENT else sent
        medians[role] = median(each.cpu_ms[role] for each in chosen) if chosen else 0.0
    return medians


def overhead_bytes(comparison: Comparison, run: OptionRun, way: str, role: str) -> float | None:
    """Median bytes a picture beyond the picture's own file. way: "up" or "down"."""
    sent = honest_pictures(comparison, run)
    if role == RECIPIENT:
        sent = delivered(sent)
    if not sent:
        return None
    return median(
        (each.up_bytes if way == "up" else each.down_bytes)[role]
        - _own_bytes(comparison, each, way, role)
        for each in sent
    )


def natures(run: OptionRun, role: str) -> dict[str, int]:
    """Bytes of fields that a role received, by what they are to it."""
    total: Counter[str] = Counter()
    for view in views_of(run, role):
        for field in view.fields:
            total[field.nature] += field.size_bytes
    return {nature.value: total[nature.value] for nature in Nature if total[nature.value]}


def views_of(run: OptionRun, role: str) -> list[View]:
    """A role's views, the largest first."""
    chosen = [view for view in run.views if view.role == role]
    return sorted(chosen, key=lambda view: -view.body_bytes)


def roles_of(run: OptionRun) -> list[str]:
    """The roles that received anything, in the order in which people speak of them."""
    return [role for role in ROLES if any(view.role == role for view in run.views)]


ROLES: Final = (
    SENDER,
    "provider",
    "custodian",
    "dealer",
    "enclave",
    "keyholder",
    RECIPIENT,
)


def readable_of(run: OptionRun, role: str) -> Mapping[str, int]:
    """What could be read in what a role received: counts of pictures, texts, list_entries."""
    for each in run.readable:
        if each.role == role:
            return {
                "pictures": each.pictures,
                "texts": each.texts,
                "list_entries": each.list_entries,
                "searched_bytes": each.searched_bytes,
            }
    return {"pictures": 0, "texts": 0, "list_entries": 0, "searched_bytes": 0}


def within_reach(run: OptionRun, role: str) -> Mapping[str, int]:
    """As `readable_of`; where a role was sent ciphertext that it can open at will, that too."""
    found = readable_of(run, role)
    if run.blast is None or Nature.ESCROWED.value not in natures(run, role):
        return found
    opened = {"pictures": run.blast.pictures.count, "texts": run.blast.texts.count}
    return {**found, **{name: max(found[name], opened[name]) for name in opened}}


def _own_bytes(comparison: Comparison, sent: Sent, way: str, role: str) -> int:
    """The picture's file, where it travels that way."""
    travels = (way == "up") == (role == SENDER) and sent.outcome is not Outcome.REFUSED
    row = comparison.turns[sent.turn].picture
    return comparison.pictures[row].size_bytes if travels and row is not None else 0


def _recall(edit: str, pairs: Sequence[tuple[bool, bool]]) -> EditRecall:
    plain = [was_stopped for by_plain, was_stopped in pairs if by_plain]
    return EditRecall(
        edit,
        Share(len(plain), len(pairs)),
        Share(sum(was_stopped for _, was_stopped in pairs), len(pairs)),
        Share(sum(plain), len(plain)),
    )


def _sum(shares: Iterable[Share]) -> Share:
    kept = list(shares)
    return Share(sum(each.count for each in kept), sum(each.total for each in kept))
