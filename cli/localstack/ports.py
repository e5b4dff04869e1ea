"""Free ports of 127.0.0.1."""

import secrets
import socket

# Below Linux's ephemeral range, so that no outgoing connection sits on a port of ours.
FIRST, LAST = 15_000, 32_000


def is_free(port: int) -> bool:
    """Try whether a server could listen here now."""
    with socket.socket() as probe:
        # As servers do: a connection that is still closing does not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def pick(*, excluded: set[int]) -> int:
    """Draw a free port."""
    while True:
        port = FIRST + secrets.randbelow(LAST - FIRST)
        if port not in excluded and is_free(port):
            return port


def answers(port: int) -> bool:
    """Try whether somebody listens here."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
