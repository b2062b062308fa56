"""`on_device`'s cast: as `split`'s, but every device holds the map and looks into it itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from softfall.compare.blast import Loot
from softfall.compare.casts import tag_theft
from softfall.compare.casts.cast import CUSTODIAN, PROVIDER, SENDER
from softfall.compare.casts.end_to_end import EndToEndCast
from softfall.compare.casts.limits import limits_of
from softfall.compare.casts.on_device_declared import DECLARED
from softfall.compare.recorder import read_exchanges
from softfall.compare.results import BlastRadius, Setup
from softfall.options import contract
from softfall.options.confirm import custodian as confirm_custodian
from softfall.options.confirm import dealer
from softfall.options.confirm import device as confirm_device
from softfall.options.confirm import provider as confirm_provider
from softfall.options.confirm.wire import CONFIRM_SHARES
from softfall.options.on_device import custodian, device, provider, wire
from softfall.options.on_device.parameters import DEFAULT_PARAMETERS
from softfall.provider import clearances


class OnDevice(EndToEndCast):
    """One provider, one custodian, one dealer, four devices with a map each."""

    name = option = "on_device"
    summary = (
        "end-to-end encrypted; devices hash and match by a map of blind tags, a second step "
        "decides exactly, and what it confirms is not sent"
    )
    limits: Sequence[str] = limits_of(
        contract,
        device,
        provider,
        custodian,
        wire,
        clearances,
        confirm_device,
        confirm_provider,
        confirm_custodian,
        dealer,
    )
    declared = DECLARED
    parameters: Mapping[str, int | str | float] = {
        "k_bits": DEFAULT_PARAMETERS.tags.k_bits,
        "tables": DEFAULT_PARAMETERS.tags.tables,
        "probes": DEFAULT_PARAMETERS.tags.probes,
        "hits": DEFAULT_PARAMETERS.tags.hits,
        "slots": DEFAULT_PARAMETERS.slots,
        "value_bits": DEFAULT_PARAMETERS.value_bits,
    }
    deals = True
    custodian_setup = "takes the list in, makes the epoch's key, every entry's tags, and the map"

    def worst_compromise(self, loot: Loot) -> BlastRadius:
        """The custodian's keys of the epoch, and a provider that kept every submission."""
        logged = []
        submissions = tag_theft.logged_submissions(loot, self.name)
        for submission in [*submissions, *tag_theft.asked_before_sending(loot, self.name)]:
            values: dict[str, Any] = wire.SUBMISSION.decode(submission["body"])
            if values["shares"]:
                shares = CONFIRM_SHARES.decode(values["shares"])
                logged.append(tag_theft.Logged(submission["epoch"], frozenset(), shares))
        keys = tag_theft.steal_keys(loot, self.name)
        return loot.radius(
            "the custodian's keys of one epoch, with what the provider should have deleted",
            "both shares of each candidate's hash put together, of blocked ones as well; of all "
            "others nothing was handed over",
            loot.found_by_looking((PROVIDER, CUSTODIAN)),
            len(submissions),
            tag_theft.hashes_of(logged, keys, self.name),
        )

    def _connection(self, published: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"list_root": published["list_root"]}

    def _more_setup(
        self, fetched_seconds: float, devices: Sequence[Mapping[str, Any]]
    ) -> list[Setup]:
        assert self._place is not None
        exchanges, _ = read_exchanges(self._place.views, PROVIDER)
        received = sum(each.received_bytes for each in exchanges if "/distribution" in each.path)
        fetched, _ = read_exchanges(self._place.views, SENDER)
        downloaded = sum(each.received_bytes for each in fetched if "/lists/" in each.path)
        return [
            Setup(
                role=PROVIDER,
                received_bytes=received,
                seconds=fetched_seconds,
                what="copies the map for its devices; it need not look into it",
            ),
            Setup(
                role="device",
                received_bytes=downloaded,
                seconds=devices[0]["list_seconds"],
                what="downloads the map, signed: no hash, and of no use without the custodian",
            ),
        ]
