"""A client that only holds connections open: python -m tests.transport.connection_request.crowd PORT COUNT

It says ``open COUNT`` once all are, and goes when its standard input ends.
"""

from __future__ import annotations

import resource
import socket
import sys
from contextlib import suppress


def main(port: int, count: int) -> None:
    """Open ``count`` connections to 127.0.0.1, a byte of a request on every second one."""
    needed = count + 100
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        enough = hard if hard == resource.RLIM_INFINITY else max(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, enough))
    held = []
    for number in range(count):
        held.append(socket.create_connection(("127.0.0.1", port)))
        if number % 2:
            with suppress(OSError):  # it was closed already
                held[-1].send(b"G")
    print(f"open {len(held)}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
