"""The trials as rows of the comparison's table.

Guarantees: no cell is typed by hand: its word is the trial's result, its note what the trial told.
"""

from typing import Final

from softfall.compare.cells import Cell, Group, Row, Tone
from softfall.compare.results import Comparison, OptionRun, TrialResult
from softfall.compare.trials.registry import TRIALS
from softfall.compare.trials.scene import Trial

TITLE: Final = "Who can cheat, who can be curious"

TONES: Final = {
    TrialResult.CAUGHT: Tone.GOOD,
    TrialResult.CANNOT: Tone.GOOD,
    TrialResult.ESCAPES: Tone.BAD,
    TrialResult.SEES: Tone.BAD,
    TrialResult.NOT_APPLICABLE: Tone.PLAIN,
    TrialResult.NOT_RUN: Tone.MIXED,
}
NOT_TRIED: Final = Cell(TrialResult.NOT_RUN.value, "the run was made without trials", Tone.MIXED)


def trial_group(comparison: Comparison) -> Group:
    """Every trial as a row, options across."""
    return Group(
        TITLE,
        tuple(
            Row(
                trial.question,
                trial.detail,
                tuple(_cell(run, trial) for run in comparison.options),
            )
            for trial in TRIALS
        ),
        long_notes=True,
    )


def _cell(run: OptionRun, trial: Trial) -> Cell:
    for cell in run.trials:
        if cell.trial == trial.name:
            whose = f"by {cell.by_whom}: " if cell.by_whom else ""
            note = f"{whose}{cell.told}"
            return Cell(cell.result.value, note, TONES[cell.result], cell.figure)
    return NOT_TRIED
