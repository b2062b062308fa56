"""`python -m softfall.custodian.lookup.worker`: one of the processes that share the port.

Started by `main` alone, which hands down the settings in one line on standard input and is told on
standard output, in lines, `ready` or why not (a JSON object: error, what, remedy). It ends in good
order at SIGTERM, and when its input ends: so no worker outlives the process that started it.
"""

import asyncio
import json
import os
import sys
import threading
from typing import TextIO

from pydantic import BaseModel

from softfall.config import CustodianSettings, LookupSettings
from softfall.edge.logs import failure, make_logger, quiet_libraries
from softfall.edge.serve import end_process, serve
from softfall.edge.tls import TlsFiles
from softfall.errors import SoftfallError

READY = "ready"
FIGURES_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # read by Prometheus' library when it is loaded


class WorkerOrders(BaseModel):
    """What a worker is told. port: one that is held for it."""

    custodian: CustodianSettings
    lookup: LookupSettings
    port: int


def main(orders_from: TextIO = sys.stdin, tell_to: TextIO = sys.stdout) -> None:
    """Serve until told to end."""
    from softfall.custodian.lookup.app import make
    from softfall.custodian.lookup.figures import SummedMetrics

    def tell(line: str) -> None:
        tell_to.write(line + "\n")
        tell_to.flush()

    orders = WorkerOrders.model_validate_json(orders_from.readline())
    log = make_logger("lookup")
    quiet_libraries(log)
    stop = threading.Event()
    threading.Thread(target=_watch, args=(orders_from, stop), daemon=True).start()
    files = TlsFiles.of(orders.custodian.tls_dir, "custodian")
    try:
        metrics = SummedMetrics(os.environ[FIGURES_VARIABLE])
        app = make(orders.custodian, orders.lookup, metrics=metrics, log=log)
        serve(
            app,
            orders.lookup.host,
            orders.port,
            files.certificate,
            files.key,
            on_ready=lambda _: tell(READY),
            stop=stop,
            shared=True,
            loop_factory=_quickest_loop,
        )
    except SoftfallError as error:
        log.error("worker failed", **failure(error))
        tell(json.dumps({"error": error.name, "what": error.what, "remedy": error.remedy}))


def _quickest_loop() -> asyncio.AbstractEventLoop:
    """libuv's event loop; Python's own where there is none for this machine."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _watch(orders_from: TextIO, stop: threading.Event) -> None:
    while orders_from.readline():
        pass
    stop.set()


if __name__ == "__main__":
    main()
    end_process()
