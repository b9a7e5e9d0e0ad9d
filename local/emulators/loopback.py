"""The loopback interface: its address, and which of its ports are free."""

import random
import socket

HOST = "127.0.0.1"
BACKLOG = 4096
"""Connections that a server has not accepted yet. Beyond it the system drops what asks to connect, which asks again
after a second: 256 copies at a time that all began to connect saw such seconds of the usual 128.
"""
_PORTS = (10_000, 32_000)
_given_out: dict[int, socket.socket] = {}


class PortTaken(Exception):
    """Another program listens on the port."""


def free_port() -> int:
    """A port that nobody listens on, and that no process of this machine has been given by this function.

    As long as this process lives, it keeps the port of the same number that UDP has: nothing else says to others that
    a server will come. It lies below those that the system takes for outgoing connections, which would otherwise take
    it before its server does.
    """
    while True:
        port = random.randrange(*_PORTS)
        sign = socket.socket(type=socket.SOCK_DGRAM)
        try:
            sign.bind((HOST, port))
        except OSError:
            sign.close()
            continue
        if _is_free(port):
            _given_out[port] = sign
            return port
        sign.close()


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
