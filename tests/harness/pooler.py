"""A pooler in transaction mode, as PgBouncer is: each transaction of a client goes to the next free server connection.

It speaks as much of Postgres' protocol as that takes: it greets clients itself, ignores what they ask for at the start
(`ignore_startup_parameters`), and takes a server's connection back when the server says that no transaction is open.
Stricter than PgBouncer in one thing: two transactions in a row never meet the same connection if it can help it.
"""

from __future__ import annotations

import os
import queue
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2

ENCRYPTION = (80877103, 80877104)  # asked for before the greeting, and refused with one letter
GREETED = (
    "server_version",
    "client_encoding",
    "standard_conforming_strings",
    "integer_datetimes",
    "TimeZone",
)
ASKS = b"QSF"
"""Messages that the server answers with ReadyForQuery."""
TERMINATE = b"X"
READY = b"Z"
IDLE = b"I"


@dataclass(slots=True)
class Stream:
    """Messages out of a socket: a letter, a length, a body."""

    end: socket.socket
    rest: bytes = b""

    def messages(self) -> Iterator[bytes]:
        """Those that have come by now; raises OSError when no more can come."""
        if not (said := self.end.recv(1 << 16)):
            raise ConnectionResetError
        self.rest += said
        while len(self.rest) >= 5:
            size = 1 + struct.unpack_from("!I", self.rest, 1)[0]
            if len(self.rest) < size:
                return
            message, self.rest = self.rest[:size], self.rest[size:]
            yield message


@dataclass(slots=True)
class Pooler:
    """Few connections to one database, lent for a transaction each."""

    listener: socket.socket
    free: queue.Queue[socket.socket] = field(default_factory=queue.Queue)
    greeting: bytes = b""
    strict: bool = False
    """Whether it refuses whoever asks for options at the start, as one does that was not told to ignore them."""
    transactions: int = 0

    @property
    def port(self) -> int:
        """The number of its port; it has none at a socket of this machine."""
        return int(self.listener.getsockname()[1])

    def accept(self) -> None:
        """Serve whoever comes, until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), closing(client):
            while True:
                size, code = struct.unpack("!II", client.recv(8, socket.MSG_WAITALL))
                if code not in ENCRYPTION:
                    break
                client.sendall(b"N")
            asked = client.recv(size - 8, socket.MSG_WAITALL).split(b"\0")[::2]
            if self.strict and b"options" in asked:
                client.sendall(REFUSAL)
                return
            client.sendall(self.greeting)
            talk = Stream(client)
            while self._transaction(talk):
                self.transactions += 1

    def _transaction(self, client: Stream) -> bool:
        """One transaction on one server connection; False when the client says goodbye."""
        select.select([client.end], [], [])
        first = list(client.messages())
        if first and first[0][:1] == TERMINATE:
            return False
        server = Stream(self.free.get())
        try:
            if self._relay(client, server, first):
                self.free.put(server.end)
                return True
        except OSError:
            pass
        with suppress(OSError):  # in the middle of a transaction: nobody may get this connection again
            server.end.shutdown(socket.SHUT_RDWR)
        server.end.close()
        return False

    def _relay(self, client: Stream, server: Stream, said: list[bytes]) -> bool:
        """Carry messages to and fro until no transaction is open; False when the client left before."""
        awaited = 0
        while True:
            for message in said:
                if message[:1] == TERMINATE:
                    return False
                awaited += message[:1] in ASKS
                server.end.sendall(message)
            ready, _, _ = select.select([client.end, server.end], [], [])
            said = list(client.messages()) if client.end in ready else []
            for message in server.messages() if server.end in ready else ():
                client.end.sendall(message)
                awaited -= message[:1] == READY
                if (
                    message[:1] == READY
                    and message[5:6] == IDLE
                    and not awaited
                    and not said
                    and not client.rest
                ):
                    return True


@contextmanager
def pool(url: str, size: int, *, strict: bool = False, at: Path | None = None) -> Iterator[Pooler]:
    """A pooler before one database with so many connections to it; `at` is the file of a socket instead of a port."""
    servers = [psycopg2.connect(url) for _ in range(size)]
    with _listening(at) as listener:
        pooler = Pooler(listener, strict=strict)
        for server in servers:
            pooler.free.put(socket.socket(fileno=os.dup(server.fileno())))
        told = "".join(f"{name}\0{servers[0].get_parameter_status(name)}\0\n" for name in GREETED)
        status = b"".join(_message(b"S", line.encode()) for line in told.split("\n") if line)
        pooler.greeting = _message(b"R", struct.pack("!I", 0)) + status + _message(READY, IDLE)
        threading.Thread(target=pooler.accept, daemon=True).start()
        try:
            yield pooler
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for server in servers:
                server.close()
            while not pooler.free.empty():
                pooler.free.get().close()


def _listening(at: Path | None) -> socket.socket:
    if at is None:
        return socket.create_server(("127.0.0.1", 0))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(at))
    listener.listen()
    return listener


def _message(letter: bytes, body: bytes) -> bytes:
    return letter + struct.pack("!I", len(body) + 4) + body


REFUSAL = _message(b"E", b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0")
