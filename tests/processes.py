"""What the real servers of the tests have in common: their programs, ports and first answers."""

import random
import shutil
import socket
import subprocess
from collections.abc import Callable

_PORTS = range(20_000, 32_000)
_CLAIMS: list[socket.socket] = []
_PLACES = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin"


def program(name: str) -> str:
    """Return where a program is, whatever the path of this user."""
    found = shutil.which(name, path=_PLACES)
    assert found is not None, f"{name} is missing; install what .ci/system-packages names"
    return found


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free, and no other test's before this process ends.

    It lies below those that systems hand out by themselves, also for connections to servers: one
    of those could be taken before its server binds it, or while that is restarted. It is claimed by
    the UDP port of the same number, which no server of the tests uses.
    """
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        claim = socket.socket(type=socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _CLAIMS.append(claim)
        return port
    raise AssertionError("no port is free")


def listens(*addresses: tuple[str, int]) -> bool:
    """Tell whether somebody listens at all of these hosts and ports."""
    try:
        for address in addresses:
            socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True


def until(
    answers: Callable[[], bool],
    process: subprocess.Popen[bytes],
    *,
    pause: float = 0.02,
    tries: int = 1_500,
    said: Callable[[], str] = str,
) -> None:
    """Wait until a server that was started answers; ``said`` is what it wrote meanwhile.

    ``pause`` are seconds between two tries.
    """
    for _ in range(tries):
        if answers():
            return
        try:
            process.wait(timeout=pause)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"the server ended with {process.returncode}: {said()}")
    raise AssertionError(f"the server does not answer: {said()}")
