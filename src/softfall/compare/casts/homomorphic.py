"""`homomorphic`'s two casts: provider, custodian, dealer, keyholder, devices, a process each.

One option in two modes, which its custodian chooses epoch by epoch: `homomorphic`, where one bit
comes out, and `homomorphic_permuted`, where less is dealt and the keyholder sees all distances of a
picture, in an order of their own.
Our own lattice code, not audited.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from softfall.compare.blast import Loot
from softfall.compare.casts import key_theft
from softfall.compare.casts.cast import KEYHOLDER, PROVIDER, SERVICES, Place
from softfall.compare.casts.end_to_end import EndToEndCast
from softfall.compare.casts.homomorphic_declared import DECLARED
from softfall.compare.casts.limits import limits_of
from softfall.compare.processes import Stage
from softfall.compare.recorder import read_exchanges
from softfall.compare.results import BlastRadius, Setup
from softfall.config import CustodianSettings
from softfall.crypto.lattice.parameters import DUMMY_ROWS, ERROR_BOUND, RING_DEGREE, SLOTS, Q
from softfall.edge.custodian_key import write_custodian_key
from softfall.keyholder import keys
from softfall.options import contract
from softfall.options.homomorphic import custodian, device, keyholder, provider, wire
from softfall.options.homomorphic.parameters import REPLAY_BUDGET, Mode

READY_SECONDS: Final = 300.0
NOT_AUDITED: Final = "The lattice code is Softfall's own, and nobody has audited it"


class Homomorphic(EndToEndCast):
    """One provider, one custodian, one dealer, one keyholder, four devices."""

    name = "homomorphic"
    option = "homomorphic"
    mode = Mode.ONE_BIT
    summary = (
        "end-to-end encrypted; devices encrypt the hash, the provider compares it encrypted with "
        "its list, and learns one bit with a keyholder's help (our own lattice code, not audited)"
    )
    limits: Sequence[str] = (
        NOT_AUDITED,
        *limits_of(contract, device, provider, keyholder, custodian, wire),
    )
    declared = DECLARED
    deals = True
    custodian_setup = "takes the list in, lays it into blocks with random rows, makes the hints"

    def __init__(self) -> None:
        super().__init__()
        self.keyholder_url = ""

    @property
    def dealer_url(self) -> str:
        """Where the dealer listens, once it does."""
        return self._dealer_url

    @property
    def parameters(self) -> Mapping[str, int | str | float]:  # type: ignore[override]
        """What the run was made with."""
        return {
            "mode": self.mode.name.lower(),
            "ring degree": RING_DEGREE,
            "modulus": Q,
            "error at most": ERROR_BOUND,
            "random rows a block": f"{DUMMY_ROWS} of {SLOTS}",
            "runs a query": REPLAY_BUDGET,
            "names entries": "yes" if CustodianSettings().homomorphic_names_entry else "no",
        }

    def begin(self, stage: Stage, place: Place) -> None:
        """As all; before, the keyholder's keeper makes its key, which the epoch names."""
        self._place = place
        keys.create_key(self._keyholder_dir())
        super().begin(stage, place)

    def worst_compromise(self, loot: Loot) -> BlastRadius:
        """The keyholder's key, and a provider that kept every submission."""
        opened = key_theft.opened_hashes(loot, self.option)
        return loot.radius(
            "the keyholder's key, with what the provider should have deleted",
            "each query's key out of its capsule, and the query opened with it",
            loot.found_by_looking([role for role in SERVICES if role in self.parties]),
            len(opened),
            {content for content in opened if content is not None},
        )

    def _custodian_more(self) -> dict[str, Any]:
        return {
            "keyholder_key_file": str(keys.public_path(self._keyholder_dir())),
            "homomorphic_mode": self.mode.name.lower(),
            "dealer_url": "",  # it confirms nothing here, so it is dealt nothing
        }

    def _provider_more(self) -> dict[str, Any]:
        self.keyholder_url = self.parties[KEYHOLDER].ready()["ready"]
        return {"keyholder_url": self.keyholder_url}

    def _start_more(self, stage: Stage, published: Mapping[str, Any]) -> None:
        pinned = self._keyholder_dir() / "custodian.pub"
        write_custodian_key(pinned, bytes.fromhex(published["public_key"]))
        settings = self._with_data(KEYHOLDER) | {
            "custodian_key_file": str(pinned),
            "dealer_url": self._dealer_url,
        }
        self._start(stage, KEYHOLDER, "keyholder", settings=settings)

    def _more_setup(
        self, fetched_seconds: float, devices: Sequence[Mapping[str, Any]]
    ) -> list[Setup]:
        assert self._staff is not None
        ready_seconds = self._staff.wait_for("/v1/health", _is_ready, READY_SECONDS)
        return [
            Setup(
                role=PROVIDER,
                received_bytes=self._received(PROVIDER, "/v1/options/homomorphic/"),
                seconds=fetched_seconds + ready_seconds,
                what="fetches the rows, hashes open to it, prepares them for encrypted products, "
                "and carries the hints",
            ),
            Setup(
                role=KEYHOLDER,
                received_bytes=self._received(KEYHOLDER, "/v1/hints/"),
                seconds=self._carried_seconds(),
                what="keeps the list's hints, from which it can tell no entry",
            ),
            Setup(role="device", received_bytes=0, seconds=0.0, what="gets nothing of the list"),
        ]

    def _received(self, role: str, part_of_path: str) -> int:
        assert self._place is not None
        exchanges, _ = read_exchanges(self._place.views, role)
        return sum(each.received_bytes for each in exchanges if part_of_path in each.path)

    def _carried_seconds(self) -> float:
        """From the first hint that the keyholder was carried to the last."""
        assert self._place is not None
        exchanges, _ = read_exchanges(self._place.views, KEYHOLDER)
        carried = [each for each in exchanges if each.path.startswith("/v1/hints/")]
        if not carried:
            return 0.0
        first, last = (min(e.start_ns for e in carried), max(e.end_ns for e in carried))
        return (last - first) / 1e9

    def _keyholder_dir(self) -> Path:
        return Path(self._with_data(KEYHOLDER)["data_dir"])


class HomomorphicPermuted(Homomorphic):
    """The same people; the keyholder is shown distances."""

    name = "homomorphic_permuted"
    mode = Mode.PERMUTED
    summary = (
        "as homomorphic, with less dealt for each picture: the keyholder sees all its distances, "
        "freshly permuted (our own lattice code, not audited)"
    )


def _is_ready(health: Mapping[str, Any]) -> bool:
    """Whether the provider judges by a list, and has material for the first picture."""
    return int(health["list_version"]) >= 0 and int(health["dealt"]) > 0
