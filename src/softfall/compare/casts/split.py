"""`split`'s cast: provider, custodian, dealer, devices: all the real code, a process each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from softfall.compare.blast import Loot
from softfall.compare.casts import tag_theft
from softfall.compare.casts.cast import PROVIDER
from softfall.compare.casts.end_to_end import EndToEndCast
from softfall.compare.casts.limits import limits_of
from softfall.compare.casts.split_declared import DECLARED
from softfall.compare.recorder import read_exchanges
from softfall.compare.results import BlastRadius, Setup
from softfall.options import contract
from softfall.options.confirm import custodian as confirm_custodian
from softfall.options.confirm import dealer
from softfall.options.confirm import device as confirm_device
from softfall.options.confirm import provider as confirm_provider
from softfall.options.split import custodian, device, provider, wire
from softfall.options.split.parameters import DEFAULT_PARAMETERS


class Split(EndToEndCast):
    """One provider, one custodian, one dealer, four devices."""

    name = option = "split"
    summary = (
        "end-to-end encrypted; devices hash, the provider matches blind tags, and a second step "
        "decides exactly"
    )
    limits: Sequence[str] = limits_of(
        contract,
        device,
        provider,
        custodian,
        wire,
        confirm_device,
        confirm_provider,
        confirm_custodian,
        dealer,
    )
    declared = DECLARED
    parameters: Mapping[str, int | str | float] = {
        "k_bits": DEFAULT_PARAMETERS.k_bits,
        "tables": DEFAULT_PARAMETERS.tables,
        "probes": DEFAULT_PARAMETERS.probes,
        "hits": DEFAULT_PARAMETERS.hits,
    }
    deals = True
    custodian_setup = "takes the list in, makes the epoch's key and every entry's tags"

    def worst_compromise(self, loot: Loot) -> BlastRadius:
        """The custodian's keys of the epoch, and a provider that kept every submission."""
        logged = []
        for submission in tag_theft.logged_submissions(loot, self.name):
            values: dict[str, Any] = wire.SUBMISSION.decode(submission["body"])
            tags = np.frombuffer(values["tags"], ">u8").tolist()
            logged.append(tag_theft.Logged(submission["epoch"], frozenset(tags), values["shares"]))
        return tag_theft.radius(loot, self.name, logged, DEFAULT_PARAMETERS)

    def _more_setup(
        self, fetched_seconds: float, devices: Sequence[Mapping[str, Any]]
    ) -> list[Setup]:
        assert self._place is not None
        exchanges, _ = read_exchanges(self._place.views, PROVIDER)
        received = sum(each.received_bytes for each in exchanges if "/artefacts/" in each.path)
        return [
            Setup(
                role=PROVIDER,
                received_bytes=received,
                seconds=fetched_seconds,
                what="fetches the epoch's tags, checks and loads them",
            ),
            Setup(role="device", received_bytes=0, seconds=0.0, what="gets nothing of the list"),
        ]
