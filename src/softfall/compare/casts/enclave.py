"""`enclave`'s cast: provider, custodian, devices, and the attested enclave at the provider.

The enclave is the real application and the real software attester. A recorder writes down what it
receives, so here it keeps the right to write files, which the service gives up at start.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from softfall.compare.blast import Loot
from softfall.compare.casts import tag_theft
from softfall.compare.casts.cast import (
    CUSTODIAN,
    ENCLAVE,
    FATE_SECONDS,
    POLL_SECONDS,
    PROVIDER,
)
from softfall.compare.casts.enclave_declared import DECLARED
from softfall.compare.casts.end_to_end import EndToEndCast
from softfall.compare.casts.limits import limits_of
from softfall.compare.processes import PartyFailed, Stage
from softfall.compare.recorder import read_exchanges
from softfall.compare.results import BlastRadius, Setup
from softfall.crypto.hpke import SECRET_BYTES, NotSealedToThis
from softfall.options import contract
from softfall.options.enclave import attestation, device, provider, sealing, wire
from softfall.options.enclave import enclave as inner
from softfall.options.enclave.parameters import Policy


class Enclaved(EndToEndCast):
    """One provider with its enclave, one custodian, four devices."""

    name = option = "enclave"
    summary = (
        "end-to-end encrypted; devices seal the hash to an attested enclave, which compares it "
        "(here with a SOFTWARE attester, not hardware)"
    )
    limits: Sequence[str] = limits_of(contract, device, provider, inner, attestation, wire)
    declared = DECLARED
    parameters: Mapping[str, int | str | float] = {
        "policy": "hash",
        "attester": "software, not hardware",
    }
    deals = False
    custodian_setup = "takes the list in, and seals it to the enclave once that is attested"

    def __init__(self) -> None:
        super().__init__()
        self._told: Mapping[str, Any] = {}

    def worst_compromise(self, loot: Loot) -> BlastRadius:
        """The enclave's key, read from its memory, and a provider that kept every submission."""
        submissions = tag_theft.logged_submissions(loot, self.name)
        secret = bytes.fromhex(self._told["key_in_memory"])
        opened = (opened_with(each["body"], secret, each["epoch"]) for each in submissions)
        return loot.radius(
            "the enclave's key, read from its memory, with what the provider should have deleted",
            "every sealed hash opened with it",
            loot.found_by_looking((PROVIDER, CUSTODIAN, ENCLAVE)),
            len(submissions),
            {content for content in opened if content is not None},
        )

    def _folder(self) -> Path:
        assert self._place is not None
        return self._place.folder

    def _custodian_more(self) -> dict[str, Any]:
        return {
            "enclave_root_file": str(self._folder() / "attester" / "software-root.crt"),
            "enclave_measurements_file": str(self._folder() / "enclaves.jsonl"),
        }

    def _provider_more(self) -> dict[str, Any]:
        self._told = self.parties[ENCLAVE].ready()
        return {"enclave_url": self._told["ready"]}

    def _start_more(self, stage: Stage, published: Mapping[str, Any]) -> None:
        attester = self._folder() / "attester"
        self._start(
            stage,
            ENCLAVE,
            "enclave",
            settings={
                "tls_dir": str(self._folder() / "tls"),
                "attester_dir": str(attester),
                "custodian_key_file": str(attester / "custodian.pub"),
            },
        )

    def _more_setup(
        self, fetched_seconds: float, devices: Sequence[Mapping[str, Any]]
    ) -> list[Setup]:
        received = self._await_list()
        return [
            Setup(
                role=ENCLAVE,
                received_bytes=received,
                seconds=fetched_seconds,
                what="is attested, and opens the list that was sealed to it, in memory",
            ),
            Setup(
                role=PROVIDER,
                received_bytes=received,
                seconds=0.0,
                what="carries the sealed list, which it can't open",
            ),
            Setup(role="device", received_bytes=0, seconds=0.0, what="gets nothing of the list"),
        ]

    def _await_list(self) -> int:
        """The size of the sealed list, once the enclave has it. Raises PartyFailed."""
        assert self._place is not None
        until = time.monotonic() + FATE_SECONDS
        while time.monotonic() < until:
            exchanges, _ = read_exchanges(self._place.views, ENCLAVE)
            for each in exchanges:
                if each.path == "/v1/list":
                    return each.received_bytes
            time.sleep(POLL_SECONDS)
        raise PartyFailed("the enclave was given no list")


def opened_with(body: bytes, key: bytes, epoch: int) -> bytes | None:
    """The hash in one submission, if this key opens its capsule (96 bytes) or its body (32)."""
    values = wire.decode(wire.SEALED, body)
    if len(key) == SECRET_BYTES:
        try:
            capsule = wire.octets(values, "capsule")
            key = sealing.open_capsule(capsule, key, epoch, Policy.HASH)
        except NotSealedToThis:
            return None
    commitment, sealed = wire.octets(values, "commitment"), wire.octets(values, "body")
    return sealing.opened(key, commitment, sealed, epoch, Policy.HASH)
