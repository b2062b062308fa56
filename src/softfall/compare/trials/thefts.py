"""Two who work together, stolen keys, a stolen device: tried with what really lies about.

Guarantees: what opens is opened with the very keys that lie in the custodian's folder and the very
bytes that the provider recorded; what is destroyed is destroyed by the custodian's own code, on a
copy; a device is searched file by file.
Limits: the device is searched without its secret (who has that has its owner's messages); memory of
running services is not searched here (docs/threat-model.md says what stays in it).
"""

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine

from softfall.compare.asking_rows import pieces_of
from softfall.compare.blast import Loot
from softfall.compare.casts import tag_theft
from softfall.compare.casts.cast import CUSTODIAN, PROVIDER, SENDER, Place
from softfall.compare.enumeration import Limits, cost_of_list
from softfall.compare.results import BlastRadius, OptionRun, TrialResult
from softfall.compare.traces import ListedHashes, Needles
from softfall.compare.trials import enclave_host, keyholder_own
from softfall.compare.trials.scene import Finding, Scene, not_applicable
from softfall.compare.views import samples
from softfall.custodian.clock import wall_ms
from softfall.custodian.epochs import EpochBook, EpochEnded
from softfall.custodian.store import DATABASE_FILE, EPOCHS_FOLDER
from softfall.device.device import Device
from softfall.errors import SoftfallError
from softfall.store.database import sqlite_url

Play = Callable[[Scene], Finding]

NO_CUSTODIAN: Final = "no custodian takes part"
NOT_STOLEN: Final = "the run carried out no theft"
TAG_OPTIONS: Final = ("split", "on_device")
NAMED: Final[Mapping[str, Play]] = {
    "enclave": enclave_host.custodian_names_its_own,
    "homomorphic": keyholder_own.custodian_names_its_own,
}
KEYS_OPEN: Final[Mapping[str, Play]] = {
    "enclave": enclave_host.custodian_keys_open,
    "homomorphic": keyholder_own.custodian_keys_open,
}
DATABASE_SUFFIXES: Final = ("", "-wal", "-shm")
FAR_AHEAD_MS: Final = 400 * 86_400_000


def together(scene: Scene) -> Finding:
    """Provider and custodian put together what each has: shares, keys, the list, the log."""
    if CUSTODIAN not in scene.cast.parties:
        return not_applicable(f"{NO_CUSTODIAN}: the provider needs nobody's help")
    if scene.option in NAMED:
        return NAMED[scene.option](scene)
    blast = scene.run.blast
    if blast is None:
        return Finding(TrialResult.NOT_RUN, NOT_STOLEN)
    sees = blast.hashes.count > 0
    return Finding(
        TrialResult.SEES if sees else TrialResult.CANNOT,
        f"both shares put together: the exact hash of {_of(blast.hashes.count, blast)} pictures "
        f"sent; {blast.pictures.count:,} pictures and {blast.texts.count:,} texts themselves",
        by_whom=f"{PROVIDER} and {CUSTODIAN}" if sees else "",
        evidence=("confirm_shares in POST /v1/envelopes", "epoch key in the custodian's folder"),
        figure=f"{_of(blast.hashes.count, blast)} hashes",
    )


def stolen_key(scene: Scene) -> Finding:
    """The custodian's live keys, with what a provider should have deleted: was P sent?"""
    if CUSTODIAN not in scene.cast.parties:
        return not_applicable(NO_CUSTODIAN)
    if scene.option in KEYS_OPEN:
        return KEYS_OPEN[scene.option](scene)
    blast = scene.run.blast
    if blast is None:
        return Finding(TrialResult.NOT_RUN, NOT_STOLEN)
    known, mistaken = blast.sent_known, blast.never_sent_taken_for_sent
    sees = known.count > 0
    return Finding(
        TrialResult.SEES if sees else TrialResult.CANNOT,
        f"'was picture P sent?' answered yes for {known.count:,} of {known.total:,} that were, and "
        f"for {mistaken.count:,} of {mistaken.total:,} mirrored copies that were not",
        by_whom="the thief" if sees else "",
        evidence=("epoch key in the custodian's folder", "submissions in POST /v1/envelopes"),
        figure=f"{known.count:,} of {known.total:,}",
    )


def destroyed_key(scene: Scene) -> Finding:
    """The same theft once the epoch has ended: the custodian's own code ends it, on a copy."""
    if scene.option not in TAG_OPTIONS:
        return not_applicable("no key of the custodian's opens what the provider was handed")
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        target = copy / CUSTODIAN
        target.mkdir()
        for suffix in DATABASE_SUFFIXES:
            file = scene.place.folder / CUSTODIAN / f"{DATABASE_FILE}{suffix}"
            if file.exists():
                shutil.copy2(file, target)
        return after_the_end(copy, scene.option, scene.conversation.known.hashes[0])


def after_the_end(folder: Path, option: str, secret_control: bytes) -> Finding:
    """Steal the keys under `folder`, end the epoch, and try again.

    secret_control: a list entry, which must still be found: the search works.
    """
    place = Place(folder, folder, folder, "")
    loot = Loot(place, {}, None)  # type: ignore[arg-type]  # only the folder is looked into
    before = tag_theft.steal_keys(loot, option)
    engine = create_engine(sqlite_url(folder / CUSTODIAN / DATABASE_FILE))
    try:
        book = EpochBook(engine, folder / CUSTODIAN / EPOCHS_FOLDER, 0)
        ended = book.end_due(option, wall_ms() + FAR_AHEAD_MS)
    finally:
        engine.dispose()
    try:
        tag_theft.steal_keys(loot, option)
        refusal = ""
    except EpochEnded as error:
        refusal = f"{error.name}: {error.what}"
    content = b"".join(read_all([folder / CUSTODIAN]))
    left = sum(key in content for key in (before.tags, before.confirm))
    if secret_control not in content:
        return Finding(TrialResult.NOT_RUN, "the search did not find the list where it lies")
    gone = bool(refusal) and not left
    return Finding(
        TrialResult.CANNOT if gone else TrialResult.SEES,
        f"epoch {ended[0] if ended else '?'} ended: {refusal or 'its keys were still given out'}; "
        f"{left} of its 2 keys left in the custodian's files",
        by_whom="" if gone else "the thief",
        evidence=("a copy of the custodian's database",),
        figure=f"{left} of 2 keys left",
    )


def stolen_device(scene: Scene) -> Finding:
    """The sender's device, without its secret: everything that it keeps on disk is searched."""
    home = scene.place.folder / SENDER
    if not home.exists():
        return not_applicable("its device keeps nothing on disk")
    content = list(read_all([home]))
    listed = ListedHashes(scene.conversation.known.hashes)
    entries = {each for body in content for each in listed.found_in(body)}
    pictures = [samples(p.data) for p in scene.conversation.pictures]
    parts = Needles(part for each in pictures for part in each)
    found = {part for body in content for part in parts.found_in(body)}
    seen = sum(all(part in found for part in each) for each in pictures)
    refusal = _opened_without_secret(home)
    sees = bool(entries or seen or not refusal)
    size = sum(map(len, content))
    return Finding(
        TrialResult.SEES if sees else TrialResult.CANNOT,
        f"{size:,} bytes in {len(content)} files: {len(entries)} of "
        f"{len(scene.conversation.known.hashes):,} entries, {seen} of {len(pictures)} pictures; "
        f"opened by a guessed secret: {refusal or 'yes'}{_reading_the_map(scene.run)}",
        by_whom="the thief" if sees else "",
        evidence=(f"every file below {SENDER}/",),
        figure=f"{len(entries)} entries",
    )


def read_all(folders: Iterable[Path]) -> Iterable[bytes]:
    """Every file below, whole."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield path.read_bytes()


def _opened_without_secret(home: Path) -> str:
    """Why a copy of the device did not open by a random secret; empty if it did."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "device"
        shutil.copytree(home, copy)
        try:
            Device.open(copy, secrets.token_bytes(32)).close()
        except SoftfallError as error:
            return f"no, {error.name}"
    return ""


def _reading_the_map(run: OptionRun) -> str:
    """What its map would cost to read, where it has one: the arithmetic of `enumeration`."""
    held = next((each.received_bytes for each in run.setup if each.role == "device"), 0)
    pieces = pieces_of(run)
    if not held or pieces is None:
        return ""
    cost = cost_of_list(pieces, Limits.default())
    return (
        f"; to read its map of {held:,} bytes would take {cost.evaluations:,} evaluations, "
        f"{cost.tokens:,} tokens, {cost.days:,.1f} days of everybody's"
    )


def _of(count: int, blast: BlastRadius) -> str:
    return f"{count:,} of {blast.hashes.total:,}"
