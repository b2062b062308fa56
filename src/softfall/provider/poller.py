"""Keeping up with the custodian's epochs: looked for at the start, then every few seconds.

Of several processes on one database the first to find an epoch keeps it, and the others have it
from there within `LOOK_SECONDS`, so that all judge by the same one almost at once.

Guarantees: whatever goes wrong, the epoch in use stays in use; each change of fortune is logged
once, not once a round.
"""

import asyncio
from contextlib import suppress

from softfall.edge.logs import Logger, failure
from softfall.errors import UnavailableError
from softfall.provider.epochs import Epochs
from softfall.provider.figures import Figures
from softfall.provider.relay import Relay

POLL_SECONDS = 5.0
FIRST_POLL_SECONDS = 0.5
LOOK_SECONDS = 0.5


class Poller:
    """One provider's look-out for epochs."""

    def __init__(
        self, epochs: Epochs, relay: Relay, figures: Figures, log: Logger, in_company: bool = False
    ) -> None:
        """in_company: other processes may share the database."""
        self._epochs = epochs
        self._in_company = in_company
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
            await self._wait()

    async def _wait(self) -> None:
        """Until the next round; what other processes find is taken over meanwhile."""
        waiting = self._epochs.current is None
        left_seconds = FIRST_POLL_SECONDS if waiting else POLL_SECONDS
        while self._in_company and left_seconds > LOOK_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            left_seconds -= LOOK_SECONDS
            with suppress(UnavailableError):  # the next round says so
                if await asyncio.to_thread(self._epochs.catch_up):
                    return
        await asyncio.sleep(left_seconds)

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
