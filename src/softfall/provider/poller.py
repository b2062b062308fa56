"""Keeping up with the custodian's epochs: looked for at the start, then every few seconds.

Guarantees: whatever goes wrong, the epoch in use stays in use; each change of fortune is logged
once, not once a round.
"""

import asyncio

from softfall.edge.logs import Logger, failure
from softfall.provider.epochs import Epochs
from softfall.provider.figures import Figures
from softfall.provider.relay import Relay

POLL_SECONDS = 5.0
FIRST_POLL_SECONDS = 0.5


class Poller:
    """One provider's look-out for epochs."""

    def __init__(self, epochs: Epochs, relay: Relay, figures: Figures, log: Logger) -> None:
        self._epochs = epochs
        self._relay = relay
        self._log = log
        self._trouble = ""
        figures.epoch.set_function(lambda: epochs.current.epoch if epochs.current else 0)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
                self._trouble = ""
            except Exception as error:  # the custodian may be down, or publish what can't be used
                if self._trouble != type(error).__name__:
                    self._trouble = type(error).__name__
                    self._log.warning("no new epoch", **failure(error))
            waiting = self._epochs.current is None
            await asyncio.sleep(FIRST_POLL_SECONDS if waiting else POLL_SECONDS)

    async def look(self) -> None:
        """Fetch and install a newer epoch, if there is one.

        Raises CustodianUnavailable, QuestionRefused, EpochRejected, BadManifest, StorageFull.
        """
        manifest = await self._relay.current_manifest()
        wanted = self._epochs.wants(manifest)
        if wanted is None:
            return
        artefact = b""
        if self._epochs.needs_artefact:
            artefact = await self._relay.artefact(wanted.epoch)
        await asyncio.to_thread(self._epochs.install, manifest, artefact)
        self._log.info("epoch in use", epoch=wanted.epoch, entries=wanted.entries)
