"""The witness: plays one conversation through each option, and gathers what each party received.

Guarantees: every option gets the same messages, picture by picture in turn, so that all figures are
of one interleaved run; which option goes first changes from message to message. Whatever happens,
every process is stopped and the scratch folder removed (or kept, when asked).
"""

import contextlib
import hashlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from softfall import __version__
from softfall.compare.abreast import abreast
from softfall.compare.blast import Loot
from softfall.compare.casts.cast import SERVICES, Cast, Place, Play, Played
from softfall.compare.casts.registry import make_cast
from softfall.compare.confirms import confirm_costs
from softfall.compare.keyed import match_costs
from softfall.compare.known import KnownList, make_list, read_list
from softfall.compare.machine import describe_machine, memory_bytes
from softfall.compare.photographs import (
    LeftOut,
    Photograph,
    default_paths,
    open_photographs,
    picture_files,
)
from softfall.compare.plan import Conversation, plan, plant
from softfall.compare.processes import Stage
from softfall.compare.recorder import read_exchanges
from softfall.compare.results import (
    Comparison,
    OptionRun,
    PictureFacts,
    Readable,
    Sent,
    Setup,
    TurnFacts,
    Undeclared,
    View,
)
from softfall.compare.traces import ListedHashes
from softfall.compare.trials.registry import TRIALS
from softfall.compare.trials.scene import Scene, play_all
from softfall.compare.views import Recording, bytes_by_time, draw_views, look_for
from softfall.config import MediaLimits
from softfall.lists.entries import MATCH_RADIUS_BITS
from softfall.media.pdq import PdqHash

# Without what `findings.beside` names: a run of these takes minutes as it is.
DEFAULT_OPTIONS: Final = (
    "in_transit", "split", "on_device", "enclave", "homomorphic", "backdoor",
)  # fmt: skip
DEFAULT_LIST_SIZE: Final = 100_000
TRIED_AT_ONCE: Final = 3  # options whose trials are played side by side: most of it is waiting
DEFAULT_SEED: Final = 1

Show = Callable[[str, int, int], None]
"""Called with a step's name, how much is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to compare. places: photographs; empty: the default ones.

    random_count: random hashes on the list; None: the default number, or none beside a list file.
    keep: where to leave all parties' folders and logs for a person to look at. trials: whether to
    try who can cheat and who can be curious, once the conversation is over.
    """

    options: Sequence[str] = DEFAULT_OPTIONS
    places: Sequence[Path] = ()
    list_file: Path | None = None
    random_count: int | None = None
    seed: int = DEFAULT_SEED
    keep: Path | None = None
    trials: bool = True
    limits: MediaLimits = field(default_factory=MediaLimits)


def compare(asked: Asked, show: Show) -> Comparison:
    """Run everything. Raises InputErrors for what was asked, PartyFailed where a party fails."""
    started_at, start = datetime.now(UTC), time.monotonic()
    casts = [make_cast(name) for name in dict.fromkeys(asked.options)]
    paths = picture_files(asked.places) if asked.places else default_paths()
    photographs, left_out = open_photographs(paths, asked.limits, shown(show, "photographs"))
    known = _known_list(asked, photographs)
    with scratch(asked.keep) as folder, Stage(folder) as stage:
        places = {cast.name: make_place(folder, cast.name, known) for cast in casts}
        for cast in casts:
            cast.begin(stage, places[cast.name])
        conversation = plan(
            photographs, known, asked.seed, asked.limits, shown(show, "edited copies")
        )
        made = abreast(
            lambda cast: cast.finish(stage, shown(show, f"{cast.name}: set-up")), casts, len(casts)
        )
        setups = {cast.name: setup for cast, setup in zip(casts, made, strict=True)}
        files = _write_pictures(folder / "pictures", conversation)
        played = _play(casts, conversation, files, show)
        runs = []
        for done, cast in enumerate(casts, start=1):
            run = _gather(cast, conversation, setups[cast.name], played[cast.name], places)
            runs.append(run)
            show("what each party saw", done, len(casts))
        if asked.trials:
            runs = _with_trials(casts, runs, conversation, files, played, places, show)
        return _comparison(
            asked, conversation, left_out, runs, started_at, time.monotonic() - start
        )


def _known_list(asked: Asked, photographs: Sequence[Photograph]) -> KnownList:
    if asked.list_file is None:
        count = DEFAULT_LIST_SIZE if asked.random_count is None else asked.random_count
        return plant(photographs, count, asked.seed)
    hashes, told = read_list(asked.list_file)
    count = asked.random_count or 0
    origin = told + (f", and {count:,} random balanced hashes" if count else "")
    return make_list(hashes, count, asked.seed, origin)


@contextlib.contextmanager
def scratch(keep: Path | None) -> Iterator[Path]:
    """A folder for the run; removed afterwards, unless it is to be kept."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield Path(tempfile.mkdtemp(prefix="run-", dir=keep))
        return
    folder = Path(tempfile.mkdtemp(prefix="softfall-compare-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_place(folder: Path, name: str, known: KnownList) -> Place:
    """Where one option's run keeps its things, its list written there."""
    own = folder / name
    views = own / "views"
    views.mkdir(parents=True)
    list_file = own / "list.txt"
    known.write(list_file)
    return Place(own, views, list_file, secrets.token_urlsafe(16))


def _write_pictures(folder: Path, conversation: Conversation) -> list[tuple[Path, str, str]]:
    folder.mkdir()
    files = []
    for row, picture in enumerate(conversation.pictures):
        path = folder / f"{row:04d}.{picture.format}"
        path.write_bytes(picture.data)
        digest = hashlib.sha256(picture.data).hexdigest()
        files.append((path, f"image/{picture.format}", digest))
    return files


def _play(
    casts: Sequence[Cast],
    conversation: Conversation,
    files: Sequence[tuple[Path, str, str]],
    show: Show,
) -> dict[str, list[Played]]:
    decoy = next(
        path
        for (path, *_), picture in zip(files, conversation.pictures, strict=True)
        if not picture.listed and isinstance(picture.hashed, PdqHash)
    )
    plays = {cast.name: Play(cast, files, decoy) for cast in casts}
    played: dict[str, list[Played]] = {cast.name: [] for cast in casts}
    for number, turn in enumerate(conversation.turns):
        first = number % len(casts)
        for cast in (*casts[first:], *casts[:first]):
            played[cast.name].append(plays[cast.name].turn(turn))
        show("messages", number + 1, len(conversation.turns))
    return {cast.name: plays[cast.name].amend(played[cast.name]) for cast in casts}


def _gather(
    cast: Cast,
    conversation: Conversation,
    setup: Sequence[Setup],
    played: Sequence[Played],
    places: dict[str, Place],
) -> OptionRun:
    recordings = {
        role: Recording(
            role,
            role if role in SERVICES else "device",
            *read_exchanges(places[cast.name].views, role),
        )
        for role in cast.parties
    }
    views: list[View] = []
    strange: list[Undeclared] = []
    readable: list[Readable] = []
    listed = ListedHashes(conversation.known.hashes)
    sent_rows = {turn.picture for turn in conversation.turns if turn.picture is not None}
    pictures = [conversation.pictures[row].data for row in sorted(sent_rows)]
    texts = [turn.text for turn in conversation.turns if turn.text]
    for recording in recordings.values():
        seen, undeclared = draw_views(recording, cast.declared)
        views += seen
        strange += undeclared
        readable.append(look_for(recording, pictures, texts, listed))
    loot = Loot(places[cast.name], recordings, conversation)
    return OptionRun(
        name=cast.name,
        summary=cast.summary,
        submits=cast.submits,
        limits=tuple(cast.limits),
        parameters=dict(cast.parameters),
        setup=tuple(setup),
        sent=tuple(_sent(number, each, recordings) for number, each in enumerate(played)),
        views=tuple(views),
        undeclared=tuple(strange),
        readable=tuple(readable),
        confirming=confirm_costs(recordings),
        matching=match_costs(recordings),
        blast=cast.worst_compromise(loot),
        memory_bytes={role: memory_bytes(party.pid) for role, party in cast.parties.items()},
    )


def _with_trials(
    casts: Sequence[Cast],
    runs: Sequence[OptionRun],
    conversation: Conversation,
    files: Sequence[tuple[Path, str, str]],
    played: dict[str, list[Played]],
    places: dict[str, Place],
    show: Show,
) -> list[OptionRun]:
    """The same runs, with who can cheat and who can be curious: the parties are still up."""

    def tried(cast: Cast) -> OptionRun:
        run = next(each for each in runs if each.name == cast.name)
        scene = Scene(cast, run, places[cast.name], conversation, files, played[cast.name])
        cells = play_all(scene, TRIALS, shown(show, f"{cast.name}: cheats and curious parties"))
        return run.model_copy(update={"trials": cells})

    return abreast(tried, casts, TRIED_AT_ONCE)


def _sent(number: int, played: Played, recordings: dict[str, Recording]) -> Sent:
    up, down = bytes_by_time(recordings, played.start_ns, played.end_ns)
    return Sent(
        turn=number,
        outcome=played.outcome,
        reason=played.reason,
        sender_ms=played.sender_ms,
        verdict_ms=played.verdict_ms,
        recipient_ms=played.recipient_ms,
        cpu_ms=played.cpu_ms,
        up_bytes=up,
        down_bytes=down,
    )


def _comparison(
    asked: Asked,
    conversation: Conversation,
    left_out: Sequence[LeftOut],
    runs: Sequence[OptionRun],
    started_at: datetime,
    seconds: float,
) -> Comparison:
    return Comparison(
        softfall=__version__,
        started_at=started_at.isoformat(timespec="seconds"),
        seconds=seconds,
        seed=asked.seed,
        list_size=len(conversation.known.hashes),
        list_origin=conversation.known.origin,
        match_radius_bits=MATCH_RADIUS_BITS,
        machine=describe_machine(),
        left_out={each.name: each.reason for each in left_out},
        pictures=tuple(
            PictureFacts(
                photograph=each.photograph,
                edit=each.edit,
                format=each.format,
                size_bytes=len(each.data),
                hashable=isinstance(each.hashed, PdqHash),
                distance_bits=each.distance_bits,
            )
            for each in conversation.pictures
        ),
        turns=tuple(
            TurnFacts(kind=turn.kind, picture=turn.picture, cheat=turn.cheat)
            for turn in conversation.turns
        ),
        options=tuple(runs),
    )


def shown(show: Show, step: str) -> Callable[[int, int], None]:
    """Tells of one step."""
    return lambda done, total: show(step, done, total)
