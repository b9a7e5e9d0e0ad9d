"""The loopback interface: its address, and which of its ports are free."""

import random
import socket

HOST = "127.0.0.1"
_PORTS = (10_000, 32_000)
_given_out: set[int] = set()


class PortTaken(Exception):
    """Another program listens on the port."""


def free_port() -> int:
    """A port that nobody listens on, and that this process has not given out before.

    It lies below those that the system takes for outgoing connections, which would otherwise take it before
    its server does.
    """
    while True:
        port = random.randrange(*_PORTS)
        if port not in _given_out and _is_free(port):
            _given_out.add(port)
            return port


def check_free(name: str, port: int) -> None:
    """Raises PortTaken with a sentence for a person."""
    if not _is_free(port):
        raise PortTaken(f"port {port}, meant for {name}, is taken by another program")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
