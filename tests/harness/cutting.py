"""A wire to a server that can be cut: a TCP proxy that counts what clients say, and hangs up on all of them at once."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

Pair = tuple[socket.socket, socket.socket]


@dataclass(slots=True)
class Wire:
    """Cut once, at the `fatal`-th message of any client, just before the server gets it or just after."""

    server: tuple[str, int]
    listener: socket.socket
    fatal: int = 0
    heard: bool = False
    """Whether the server still gets the fatal message; the client gets no answer either way."""
    met: int = 0
    pairs: list[Pair] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def expect(self, fatal: int, *, heard: bool) -> None:
        """Count anew; cut at this message, 0 for never."""
        with self.lock:
            self.met, self.fatal, self.heard = 0, fatal, heard

    def accept(self) -> None:
        """Connect whoever comes, until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                pair = (client, socket.create_connection(self.server))
                with self.lock:
                    self.pairs.append(pair)
                for work in (self._ask, self._answer):
                    threading.Thread(target=work, args=pair, daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while said := client.recv(1 << 16):
                if not self._is_fatal():
                    server.sendall(said)
                    continue
                if self.heard:
                    server.sendall(said)
                self.cut()
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _is_fatal(self) -> bool:
        with self.lock:
            self.met += 1
            return self.met == self.fatal

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError), closing(server), closing(client):
            while said := server.recv(1 << 16):
                client.sendall(said)
            client.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Hang up on every client; servers are told that nothing more comes, and finish what they do."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for client, server in pairs:
            for end, how in ((client, socket.SHUT_RDWR), (server, socket.SHUT_WR)):
                with suppress(OSError):
                    end.shutdown(how)


@contextmanager
def wire(port: int) -> Iterator[Wire]:
    """A wire to a server on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = Wire(("127.0.0.1", port), listener)
        threading.Thread(target=one.accept, daemon=True).start()
        try:
            yield one
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            one.cut()
