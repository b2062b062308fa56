"""A device and an enclave: nothing is sealed to one that is not proved; each refusal has a name."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from softfall.crypto import hpke
from softfall.device.outcomes import CHECKED, UNCHECKED_OUTAGE, Shown
from softfall.enclave import attester
from softfall.enclave.measure import PCR_BYTES
from softfall.errors import SoftfallError
from softfall.options.contract import Held
from softfall.options.enclave import refusals
from softfall.options.enclave.attestation import TDX
from softfall.options.enclave.chain import ChainExpired, WrongRoot
from softfall.options.enclave.documents import MalformedDocument
from softfall.options.enclave.parameters import Policy
from softfall.testing.enclave import HOUR_MS, PCRS, SmallEnclave, Statement

from .conftest import Town
from .pictures import CHINA, FLAT, FLOWER, hash_of, jpeg

OTHER_KEY = hpke.public_of(bytes(range(96)))


class Walled:
    """A town whose provider matches by an enclave."""

    def __init__(self, town: Town, policy: Policy = Policy.HASH) -> None:
        self.town = town
        folder = town.folder / "attester"
        self.enclave = SmallEnclave(folder, town.custodian, town.clock.now_ms)
        self.publish(1, policy)

    def publish(self, number: int, policy: Policy = Policy.HASH) -> None:
        listed = hash_of(jpeg(CHINA)).bits
        self.town.provider.epoch = self.enclave.publish(number, listed, policy=policy)
        self.town.provider.attest = self.enclave.attest
        self.town.provider.ports = self.enclave

    def asked(self, what: str) -> int:
        return sum(call == what for _, call in self.town.provider.calls)


@pytest.fixture
def walled(town: Town) -> Walled:
    return Walled(town)


@pytest.mark.parametrize("policy", list(Policy))
def test_listed_photographs_are_confirmed_and_others_arrive_checked(town: Town, policy: Policy):
    Walled(town, policy)
    ada, ben = town["ada"], town["ben"]
    for data in (jpeg(FLOWER), FLAT):
        assert ada.send_photo("ben", data).checked == CHECKED
        (photo,) = ben.sync()
        assert isinstance(photo, Shown)
        assert photo.checked == CHECKED
    sent = ada.send_photo("ben", jpeg(CHINA))
    assert ben.sync() == []
    verdict = town.provider.passed["ada", sent.envelope_id].verdict
    assert isinstance(verdict, Held)
    assert verdict.evidence["confirmed"] is True


def stranger(statement: Statement) -> Statement:
    """The same words under a root of somebody else's."""
    folder = statement.folder.with_name("strangers")
    if not folder.exists():
        made_at = datetime.fromtimestamp(statement.made_at_ms / 1000, UTC)
        attester.create(folder, made_at - timedelta(days=1))
    return replace(statement, folder=folder)


ATTACKS: dict[type[SoftfallError], Callable[[Statement], Statement]] = {
    WrongRoot: stranger,
    ChainExpired: lambda s: replace(s, made_at_ms=s.made_at_ms - 4 * HOUR_MS),
    refusals.PcrNotAllowed: lambda s: replace(s, pcrs={**PCRS, 0: b"\x07" * PCR_BYTES}),
    refusals.DebugEnclave: lambda s: replace(s, pcrs=dict.fromkeys(range(3), bytes(PCR_BYTES))),
    refusals.NonceMissing: lambda s: replace(s, nonce=None),
    refusals.NonceReplayed: lambda s: replace(s, nonce=bytes(32)),
    refusals.KeySwapped: lambda s: replace(s, told_key=OTHER_KEY),
    refusals.ListSignerSwapped: lambda s: replace(s, signer=bytes(32)),
    refusals.DocumentTooOld: lambda s: replace(s, made_at_ms=s.made_at_ms - 2 * HOUR_MS),
    refusals.TechnologyNotAllowed: lambda s: replace(s, technology=TDX),
}
ALTERED: dict[type[SoftfallError], Callable[[bytes], bytes]] = {
    MalformedDocument: lambda body: body[:-100],
    refusals.DocumentAltered: lambda body: body.replace(b"SOFTWARE-not", b"HARDWARE-yes"),
}


@pytest.mark.parametrize("refusal", [*ATTACKS, *ALTERED], ids=lambda kind: kind.__name__)
def test_an_enclave_that_is_not_proved_is_refused_by_name_and_nothing_leaves(
    walled: Walled, refusal: type[SoftfallError]
):
    town, enclave = walled.town, walled.enclave
    ada, ben = town["ada"], town["ben"]
    enclave.change = ATTACKS.get(refusal, enclave.change)
    change = ALTERED.get(refusal, lambda body: body)
    town.provider.attest = lambda nonce: change(enclave.attest(nonce))
    with pytest.raises(refusal):
        ada.send_photo("ben", jpeg(FLOWER))
    assert walled.asked("post_envelope") == walled.asked("put_attachment") == 0
    assert ada.outbox() == []
    ada.send_text("ben", "words flow on")
    assert [a.text for a in ben.sync()] == ["words flow on"]
    enclave.change = lambda statement: statement
    town.provider.attest = enclave.attest
    assert ada.send_photo("ben", jpeg(FLOWER)).checked == CHECKED  # nothing bad was kept


def test_a_document_is_asked_for_once_kept_over_a_restart_and_proved_again_when_old(
    walled: Walled,
):
    town = walled.town
    ada = town["ada"]
    town["ben"]
    for _ in range(3):
        ada.send_photo("ben", jpeg(FLOWER))
    assert walled.asked("attestation") == 1
    ada = town.restart("ada")
    ada.send_photo("ben", jpeg(FLOWER))
    assert walled.asked("attestation") == 1
    town.clock.ms += HOUR_MS + 1
    ada.send_photo("ben", jpeg(FLOWER))
    assert walled.asked("attestation") == 2


def test_no_two_documents_are_asked_for_with_one_nonce(walled: Walled):
    town, nonces = walled.town, []
    town.provider.attest = lambda nonce: (nonces.append(nonce), walled.enclave.attest(nonce))[1]
    for name in ("ada", "cy"):
        town["ben"]
        town[name].send_photo("ben", jpeg(FLOWER))
    assert len({*nonces}) == len(nonces) == 2
    assert {len(nonce) for nonce in nonces} == {32}


def test_an_epoch_that_no_longer_allows_the_cached_enclave_is_obeyed_at_once(walled: Walled):
    town, enclave = walled.town, walled.enclave
    ada = town["ada"]
    town["ben"]
    ada.send_photo("ben", jpeg(FLOWER))
    town.publish(2)  # to have another epoch of another kind between
    upgraded = {**PCRS, 0: b"\x09" * PCR_BYTES}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("softfall.testing.enclave.PCRS", upgraded)
        enclave.restart()
        walled.publish(3)
        enclave.change = lambda s: replace(s, pcrs=PCRS)  # the old program still runs
        ada._kit.service = None
        with pytest.raises(refusals.PcrNotAllowed):
            ada.send_photo("ben", jpeg(FLOWER))


def test_while_the_enclave_is_away_a_first_photograph_goes_as_an_outage(walled: Walled):
    town = walled.town
    ada, ben = town["ada"], town["ben"]
    town.provider.custodian_away = True
    assert ada.send_photo("ben", jpeg(FLOWER)).checked == UNCHECKED_OUTAGE
    (photo,) = ben.sync()
    assert photo.checked == UNCHECKED_OUTAGE


def test_the_recipients_check_asks_for_no_attestation(walled: Walled):
    town = walled.town
    ada, ben = town["ada"], town["ben"]
    ada.send_photo("ben", jpeg(FLOWER))
    town.provider.calls.clear()
    assert [photo.checked for photo in ben.sync()] == [CHECKED]
    assert walled.asked("attestation") == 0


def test_the_kept_document_is_sealed_like_all_of_the_devices_state(walled: Walled):
    town = walled.town
    town["ben"]
    town["ada"].send_photo("ben", jpeg(FLOWER))
    town.open.pop("ada").close()
    held = b"".join(
        path.read_bytes() for path in Path(town.folder / "ada").rglob("*") if path.is_file()
    )
    assert b"SOFTWARE" not in held
    assert walled.enclave.inner.public_key not in held
