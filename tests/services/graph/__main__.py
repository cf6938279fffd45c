"""``python -m tests.services.graph``: the service alone, until Ctrl-C."""

from __future__ import annotations

import argparse
import gc
import signal
import sys
import threading

from tests.services.graph.service import running
from tests.services.graph.world import DOMAINS


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.services.graph", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="where it listens; a free port")
    parser.add_argument("--users", type=int, default=0, help="how many made-up users there are")
    parser.add_argument("--groups", type=int, default=0, help="how many groups share them")
    parser.add_argument("--domain", action="append", help=f"a verified domain; {DOMAINS[0]}")
    parser.add_argument("--open", action="store_true", help="take requests without a token")
    return parser.parse_args()


def main() -> int:
    """Run the service and say how to reach it."""
    options, stop = _options(), threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    with running(port=options.port, domains=options.domain or ()) as service:
        service.fill(users=options.users, groups=options.groups)
        gc.freeze()  # what is there stays: no use in looking whether it is garbage
        service.tenant.sign_in.required = not options.open
        application = service.tenant.sign_in.application
        lines = {
            "graph": service.graph_url,
            "sign-in": f"{service.https().url}/{service.tenant.id}",
            "certificate": service.https().ca_file,
            "control": f"{service.url}/control/state",
            "tenant": service.tenant.id,
            "client": application.id,
            "secret": application.secret,
            "token": service.token(),
        }
        sys.stdout.write("".join(f"{name}: {value}\n" for name, value in lines.items()))
        sys.stdout.flush()
        while not stop.wait(0.5):
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
