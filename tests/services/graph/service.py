"""`GraphService`: the service on a free loopback port, in threads of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import waitress

from tests.services.graph.app import Application
from tests.services.graph.control import Control
from tests.services.graph.tls import Https
from tests.services.graph.world import World

THREADS = 8
PATIENCE = 5.0


class GraphService(World):
    """A service that others reach, by HTTP and, where they want it, by TLS."""

    def __init__(self, *, port: int = 0, domains: Sequence[str] = ()) -> None:
        super().__init__(domains)
        self.application = Application(self.graph, Control(self.graph))
        self._server: Any = waitress.create_server(
            self.application, host="127.0.0.1", port=port, threads=THREADS, ident=None
        )
        self.port = int(self._server.effective_port)
        self.url = f"http://127.0.0.1:{self.port}"
        """Where it listens; ``graph_url`` is what a client is told."""
        self.graph_url = f"{self.url}/v1.0"
        self._thread = threading.Thread(target=self._server.run, name="graph", daemon=True)
        self._https: Https | None = None

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def https(self) -> Https:
        """Answer by TLS too, as clients want it of who gives them tokens; return where."""
        if self._https is None:
            self._https = Https(self.application)
        return self._https

    def stop(self) -> None:
        """Stop answering, and end every connection."""
        self.stopping.set()
        if self._https is not None:
            self._https.stop()
        self._server.accepting = False
        self._server.task_dispatcher.shutdown(timeout=PATIENCE)
        self._server.trigger.pull_trigger(self._close)
        self._thread.join(PATIENCE)

    def _close(self) -> None:
        for channel in list(self._server.active_channels.values()):
            channel.will_close = True
        self._server.close()


@contextmanager
def running(**options: Any) -> Iterator[GraphService]:
    """Run a service; it is stopped at the end."""
    service = GraphService(**options)
    service.start()
    try:
        yield service
    finally:
        service.stop()
