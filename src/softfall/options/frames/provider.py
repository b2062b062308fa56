"""The provider's half of any option, taught videos: each frame is judged as a picture would be.

Guarantees: a picture goes to the option's own half, unchanged. Of a video every frame is judged,
also after one that is listed, and the worst verdict counts: a hold before an altered app's work,
that before a candidate, that before nothing. Of several candidates each is confirmed by itself
(`Candidate.others`). Evidence names the frame: its place among those submitted, from 0.
Frames are asked about together where the half can (`judge_batch`).
Refuses: a video of which one frame has not the option's form, as Malformed.
Limit, printed: what is confirmed is a frame. It says nothing of the video as a whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from softfall.errors import UnavailableError
from softfall.options.contract import (
    BatchHalf,
    Candidate,
    Clear,
    Held,
    Malformed,
    ProviderHalf,
    ProviderPorts,
    Submission,
    Verdict,
)
from softfall.options.framed import KIND, is_framed, read_frames
from softfall.wire import MalformedMessage

MALFORMED: Final = Malformed("malformed frames")
NO_FRAME_LISTED: Final = "no frame of the video is listed"
FRAMES_AT_ONCE: Final = 16  # as many as every half that judges batches takes
_ORDER: Final[Mapping[type, int]] = {Held: 3, Malformed: 2, Candidate: 1, Clear: 0}

Judged = Verdict | UnavailableError


class FramesProvider:
    """One epoch of an option at the provider, for pictures and videos alike. half: the option's."""

    name: ClassVar[str] = KIND

    def __init__(self, half: ProviderHalf) -> None:
        self.half = half

    def form(self, submission: Submission) -> Malformed | None:
        """Malformed unless each frame has the option's form. Depends on the bytes alone."""
        try:
            frames = parts(submission)
        except MalformedMessage:
            return MALFORMED
        return next((bad for bad in map(self.half.form, frames) if bad is not None), None)

    def judge(self, submission: Submission, ports: ProviderPorts) -> Verdict:
        """The worst of the frames' verdicts. Raises what the half and the port raise."""
        if not is_framed(submission.body):
            return self.half.judge(submission, ports)
        return self.form(submission) or joined(
            [self.half.judge(frame, ports) for frame in parts(submission)]
        )


class BatchFramesProvider(FramesProvider):
    """The same of a half that judges several at once, of one message and of several alike."""

    def __init__(self, half: BatchHalf) -> None:
        super().__init__(half)
        self._batch_half = half

    def judge(self, submission: Submission, ports: ProviderPorts) -> Verdict:
        """The worst of the frames' verdicts. Raises what the half and the port raise."""
        if not is_framed(submission.body):
            return self.half.judge(submission, ports)
        (verdict,) = self.judge_batch([submission], ports)
        if isinstance(verdict, UnavailableError):
            raise verdict
        return verdict

    def judge_batch(self, submissions: Sequence[Submission], ports: ProviderPorts) -> list[Judged]:
        """One verdict a message, in order; `FRAMES_AT_ONCE` pictures or frames are asked about."""
        malformed = [self.form(each) for each in submissions]
        asked = [
            () if bad else parts(each) for each, bad in zip(submissions, malformed, strict=True)
        ]
        frames = [frame for each in asked for frame in each]
        judged: list[Judged] = []
        for start in range(0, len(frames), FRAMES_AT_ONCE):
            lot = frames[start : start + FRAMES_AT_ONCE]
            judged += self._batch_half.judge_batch(lot, ports)
        told, verdicts = iter(judged), list[Judged]()
        for each, bad, own in zip(submissions, malformed, asked, strict=True):
            of_own = [next(told) for _ in own]
            if bad is not None:
                verdicts.append(bad)
            else:
                verdicts.append(_of_message(each, of_own))
        return verdicts


def with_frames(half: ProviderHalf) -> FramesProvider:
    """The option's half for pictures and videos alike."""
    return BatchFramesProvider(half) if isinstance(half, BatchHalf) else FramesProvider(half)


def parts(submission: Submission) -> tuple[Submission, ...]:
    """A picture's submission alone, or a video's frame by frame. Raises MalformedMessage."""
    frames = read_frames(submission.body)
    if frames is None:
        return (submission,)
    return tuple(replace(submission, body=body) for body in frames.bodies)


def worst(judged: Sequence[Judged]) -> Verdict:
    """What counts of some verdicts, at least one; of equals the first, with every candidate.

    Raises an UnavailableError where nothing that was judged is held: nobody knows yet. The first of
    those that are no party's absence, else the first: what a frame brings about itself stays that.
    """
    told = [each for each in judged if not isinstance(each, UnavailableError)]
    found = max(told, key=lambda each: _ORDER[type(each)], default=None)
    away = [each for each in judged if isinstance(each, UnavailableError)]
    missing = min(away, key=lambda each: each.party_is_away, default=None)
    if missing is not None and not isinstance(found, Held):
        raise missing
    assert found is not None, "somebody asks about one frame at least"
    if not isinstance(found, Candidate):
        return found
    first, *others = (each for each in told if isinstance(each, Candidate))
    return replace(first, others=tuple(others))


def joined(judged: Sequence[Judged]) -> Verdict:
    """What counts of one video's frames, in order. Raises as `worst`."""
    return worst([_of_frame(each, at, len(judged)) for at, each in enumerate(judged)])


def _of_message(submission: Submission, judged: Sequence[Judged]) -> Judged:
    if not is_framed(submission.body):
        return judged[0]
    try:
        return joined(judged)
    except UnavailableError as error:
        return error


def _of_frame(judged: Judged, number: int, frames: int) -> Judged:
    if isinstance(judged, Clear):
        return Clear(NO_FRAME_LISTED)
    if isinstance(judged, Held | Candidate):
        evidence = {**judged.evidence, "frame": number, "frames": frames}
        return replace(judged, evidence=evidence)
    return judged
