"""Can two sorts of transcripts be told apart? Statistics with a stated chance of a false alarm.

A view is what one party has of one run: fields (its bytes) and derived numbers in 0 ... 1 (what the
party can compute from them with its keys, its dealt half and all that it may know: the list, both
pictures). `findings` names every statistic that tells two sets of views apart:

- the mean of each bit of each field, and of each derived number. For numbers in 0 ... 1 and n views
  of each set, Hoeffding's inequality bounds the chance of a difference of t by 2 exp(-n t^2),
  whatever their distribution; summed over all of them (the union bound) it is below `alpha`.
- the bytes of each field, counted over all views: chi-square of two samples.
- each derived group's mean per view, by rank (Mann-Whitney).
- logistic regression, trained on half of the views, right too often on the other half
  (Hoeffding again).

Each of the four kinds gets a quarter of `alpha`, divided among its statistics.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Numbers = npt.NDArray[np.float64]

CLASSIFIED_BYTES = 256  # of each field, what the classifier is given


@dataclass(frozen=True)
class View:
    """One run, as one party has it."""

    fields: dict[str, bytes]
    derived: dict[str, Numbers]


@dataclass
class Sample:
    """Views of one sort, summed up as they come: they are too large to be kept."""

    count: int = 0
    bits: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    counted: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    derived: dict[str, list[Numbers]] = field(default_factory=dict)
    rows: list[Numbers] = field(default_factory=list)

    @classmethod
    def of(cls, views: Iterable[View]) -> "Sample":
        sample = cls()
        for view in views:
            sample._add(view)
        return sample

    def _add(self, view: View) -> None:
        self.count += 1
        for name, body in view.fields.items():
            octets = np.frombuffer(body, np.uint8)
            self.bits.setdefault(name, np.zeros(8 * len(octets), np.int64))
            self.bits[name] += np.unpackbits(octets)
            self.counted.setdefault(name, np.zeros(256, np.int64))
            self.counted[name] += np.bincount(octets, minlength=256)
        for name, numbers in view.derived.items():
            assert ((numbers >= 0) & (numbers <= 1)).all(), name
            self.derived.setdefault(name, []).append(numbers)
        shown = [np.frombuffer(b, np.uint8)[:CLASSIFIED_BYTES] / 255 for b in view.fields.values()]
        self.rows.append(np.concatenate([*shown, *view.derived.values()]).astype(np.float64))


def findings(one: Sample, two: Sample, alpha: float) -> list[str]:
    """Which statistics tell the two sets apart; for equal sorts, any with a chance below alpha."""
    assert one.count == two.count
    part = alpha / 4
    return [
        *_positions(one, two, part),
        *_histograms(one, two, part),
        *_ranks(one, two, part),
        *_classified(one, two, part),
    ]


def threshold(views: int, statistics: int, alpha: float) -> float:
    """The difference of means that Hoeffding's inequality and the union bound allow."""
    return math.sqrt(math.log(2 * statistics / alpha) / views)


def _positions(one: Sample, two: Sample, alpha: float) -> list[str]:
    means = {
        **{f"bit of {name}": (one.bits[name], two.bits[name]) for name in one.bits},
        **{name: (sum(one.derived[name]), sum(two.derived[name])) for name in one.derived},
    }
    total = sum(np.size(sums) for sums, _ in means.values())
    limit = threshold(one.count, total, alpha)
    largest = {
        name: float(np.abs(first - second).max(initial=0)) / one.count
        for name, (first, second) in means.items()
    }
    return [f"mean of a {name}: {most:.3f}" for name, most in largest.items() if most > limit]


def _histograms(one: Sample, two: Sample, alpha: float) -> list[str]:
    found = []
    for name in one.counted:
        table = np.stack([one.counted[name], two.counted[name]])
        table = table[:, table.sum(axis=0) > 0]
        if table.shape[1] > 1:
            p = stats.chi2_contingency(table, correction=False).pvalue
            if p < alpha / len(one.counted):
                found.append(f"bytes of {name}: p = {p:.1e}")
    return found


def _ranks(one: Sample, two: Sample, alpha: float) -> list[str]:
    found = []
    for name in one.derived:
        first, second = ([each.mean() for each in s.derived[name]] for s in (one, two))
        if len(set(first + second)) > 1:
            p = stats.mannwhitneyu(first, second, method="asymptotic").pvalue
            if p < alpha / len(one.derived):
                found.append(f"rank of {name}: p = {p:.1e}")
    return found


def _classified(one: Sample, two: Sample, alpha: float) -> list[str]:
    half = one.count // 2
    train = np.array(one.rows[:half] + two.rows[:half])
    held = [np.array(sample.rows[half:]) for sample in (one, two)]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
    model.fit(train, np.repeat([0, 1], half))
    said = [model.predict(rows).mean() for rows in held]
    limit = threshold(one.count - half, 1, alpha)
    apart = abs(said[1] - said[0])
    return [f"classifier: {apart:.3f}"] if apart > limit else []
