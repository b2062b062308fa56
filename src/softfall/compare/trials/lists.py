"""Lists that are not what they should be: two lists under one number, and an old one again.

Guarantees: both lists are really signed by the one custodian that the devices pinned, and really
served; what is told is the refusal that the device itself gave.
Limit: played on a small list in this process.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from softfall.compare.results import TrialResult
from softfall.compare.trials.list_files import old_files_again
from softfall.compare.trials.scene import Finding, Scene, not_applicable
from softfall.compare.trials.street import Street
from softfall.device.outcomes import Arrival, Notice, Quarantined, Shown
from softfall.errors import SoftfallError
from softfall.media.pdq import PdqHash

NO_LIST = "devices are given no list and no epoch, so there is none to replace"


def replaced(scene: Scene) -> Finding:
    """Two people are served different lists under one epoch's number, then write to each other."""
    if not scene.matches:
        return not_applicable(NO_LIST)
    data, listed = _unlisted_picture(scene), _listed_hash(scene)
    found = split_view(scene.street, data, [listed], [])
    if scene.option != "on_device":
        return found
    return and_its_deltas(found, split_delta(scene.street, data, [listed], []))


def rolled_back(scene: Scene) -> Finding:
    """After a newer list was used, the provider serves the old one again."""
    if not scene.matches:
        return not_applicable(NO_LIST)
    data, listed = _unlisted_picture(scene), _listed_hash(scene)
    found = old_list_again(scene.street, data, listed)
    if scene.option != "on_device":
        return found
    with tempfile.TemporaryDirectory() as name:
        refusal = old_files_again(Path(name), *scene.conversation.known.hashes[:2])
    return and_its_files(found, refusal)


def split_view(
    street: Street, data: bytes, one_list: list[bytes], other_list: list[bytes]
) -> Finding:
    """Ben adopts the one list; Ada, served the other, sends him a picture."""
    number = 100
    ones, others = street.publish(number, one_list), street.publish(number, other_list)
    same = ones if one_list == other_list else others
    street.use(ones)
    ben, _ = street.person("split ben"), street.person("split cy")
    ben.send_photo("split cy", data)
    street.use(same)
    ada = street.person("split ada")
    ada.send_photo("split ben", data)
    return _first_picture(
        ben.sync(),
        f"epoch {number} with {len(one_list)} and with {len(other_list)} entries, both signed",
        ("two epoch_manifest messages of one number", "inner.manifest of one message"),
    )


def split_delta(
    street: Street, data: bytes, one_list: list[bytes], other_list: list[bytes]
) -> Finding:
    """Ada and Ben hold one epoch, base and manifest, but not the same delta; she sends a picture.

    one_list, other_list: what the delta adds for Ada, and for Ben. `on_device` only.
    """
    number = 101
    epoch = street.publish(number)
    street.use(epoch)
    ada, ben = street.person("delta ada"), street.person("delta ben")
    street.grow(epoch, one_list)
    ada.send_photo("delta ben", data)
    street.grow(epoch, other_list)
    return _first_picture(
        ben.sync(),
        f"one manifest and base for epoch {number}, whose delta adds {len(one_list)} entries for "
        f"the one and {len(other_list)} for the other",
        ("two deltas of one version", "on_device_opening.list_digest of one message"),
    )


def old_list_again(street: Street, data: bytes, listed: bytes) -> Finding:
    """A device that has sent under epoch 201 is served epoch 200."""
    old, new = street.publish(200), street.publish(201, [listed])
    street.use(new)
    dan, _ = street.person("old dan"), street.person("old eve")
    dan.send_photo("old eve", data)
    street.use(old)
    try:
        dan.send_photo("old eve", data)
        refusal = ""
    except SoftfallError as error:
        refusal = f"{error.name}: {error.what}"
    return Finding(
        TrialResult.CAUGHT if refusal else TrialResult.ESCAPES,
        f"epoch 200 served after epoch 201: {refusal or 'the device sent under it'}",
        by_whom="sender's app" if refusal else "",
        evidence=("GET /v1/service", "two epoch_manifest messages"),
    )


def and_its_deltas(found: Finding, deltas: Finding) -> Finding:
    """The same, where devices hold the list: what came of two deltas. Both must be caught."""
    both = {found.result, deltas.result} == {TrialResult.CAUGHT}
    return replace(
        found,
        result=TrialResult.CAUGHT if both else TrialResult.ESCAPES,
        told=f"{found.told}; {deltas.told}",
        by_whom=found.by_whom if both else "",
        evidence=(*found.evidence, *deltas.evidence),
    )


def and_its_files(found: Finding, refusal: str) -> Finding:
    """The same, where devices hold the list: refusal: of its old files; empty: taken."""
    return replace(
        found,
        result=found.result if refusal else TrialResult.ESCAPES,
        told=f"{found.told}; its files as they were a version before: {refusal or 'taken'}",
        evidence=(*found.evidence, "the list's signed files, a version apart"),
    )


def _first_picture(arrivals: list[Arrival], lists: str, evidence: tuple[str, ...]) -> Finding:
    told = [_told(arrival) for arrival in arrivals]
    caught = bool(arrivals) and all(isinstance(each, Quarantined) for each in arrivals)
    return Finding(
        TrialResult.CAUGHT if caught else TrialResult.ESCAPES,
        f"{lists}; the first picture between the two people: "
        f"{'; '.join(told) or 'nothing arrived'}",
        by_whom="recipient's app" if caught else "",
        evidence=evidence,
    )


def _told(arrival: Arrival) -> str:
    if isinstance(arrival, Shown):
        return f"shown ({arrival.checked})"
    if isinstance(arrival, Notice):
        return f"notice: {arrival.title}"
    return f"{type(arrival).__name__.lower()}: {arrival.reason}"


def _unlisted_picture(scene: Scene) -> bytes:
    return next(p.data for p in scene.conversation.pictures
                if not p.listed and isinstance(p.hashed, PdqHash))  # fmt: skip


def _listed_hash(scene: Scene) -> bytes:
    return scene.conversation.known.hashes[0]
