"""Stops a command on Ctrl-C and SIGTERM: politely first, at once on a second signal, after eight seconds at most.

A signal -> KeyboardInterrupt in the main thread, and an interrupt of the statement that a database is busy with. Until
the commit of a run's record a stop counts; after it the run is done (`heed`).
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from pipelines.errors import Interrupted

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What asks a process to stop."""
GRACE = 8.0
"""Seconds from the first signal to the end, whatever the command is busy with."""
stop_requested = threading.Event()
"""Whether this process was asked to stop."""
too_late = threading.Event()
"""Whether all is done but the commit of the record that says so: whatever is asked then, the run is done."""
_interruptions: list[Callable[[], object]] = []
_interrupted_once = threading.Event()
"""Whether the statements that ran when this process was asked to stop have been cut short."""
CURSOR = b"\x1b[?25h"
"""Shows the cursor again, which a progress display had hidden."""
AT_ONCE = b"Stopped at once. The next sync puts right what was cut off.\n"


def listen() -> None:
    """From now on either signal raises KeyboardInterrupt in the main thread, and the end is certain.

    The main thread may sit in a database's C code, where no Python handler runs; the thread that notes the signals
    counts the seconds. What ends without ceremony is safe: locks, the sandbox and throw-away folders are bound to
    the process, and a torn load is mended by the next run.
    """
    handle(interrupt)
    note(_end_in_time)


def handle(handler: Callable[..., object] | signal.Handlers) -> None:
    """From now on this is done about either signal; but nohup and a shell's & ask to be left alone by some."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def note(then: Callable[[socket.socket], None]) -> None:
    """From now on `asked` is set by the first signal, whoever handles it, and `then` goes on in a thread of its own.

    dlt has handlers of its own while it loads, and forgets what came after it looked for the last time. So the
    system also writes each signal into a socket, which is read at its other end and given to `then`.
    """
    inside, outside = socket.socketpair()
    outside.settimeout(0)  # a signal must never wait for its reader
    signal.set_wakeup_fd(outside.detach(), warn_on_full_buffer=False)

    def wait() -> None:
        _next(inside)
        stop_requested.set()
        _interrupt_all()
        then(inside)

    threading.Thread(target=wait, name="hogsync-stopping", daemon=True).start()


@contextmanager
def interruptible(*statements: Callable[[], object]) -> Iterator[None]:
    """Inside, whoever asks this process to stop also has these called, by another thread; never after the block.

    Such a call ends what a database is busy with for this process: there no Python handler may run for minutes.
    """
    _interruptions.extend(statements)
    try:
        yield
    finally:
        _unregister()  # other threads' statements too, which what comes next would wait for
        for cut in statements:
            _interruptions.remove(cut)
        _unregister()  # what comes next, such as the record of the stop, must not be hit


def _unregister() -> None:
    if stop_requested.is_set():
        _interrupted_once.wait(
            GRACE
        )  # a server that is far may take its time, and is not cancelled in what comes next


def _interrupt_all() -> None:
    if not too_late.is_set():  # the commit that it is too late for would be hit
        for cut in tuple(_interruptions):
            with suppress(Exception):  # nothing may cost the thread that makes sure of the end
                cut()
    _interrupted_once.set()


def heed() -> None:
    """Raise KeyboardInterrupt if this process was asked to stop, and somebody swallowed that; then it is too late."""
    too_late.set()  # before the look: who is asked in between cuts nothing short any more
    if stop_requested.is_set():
        too_late.clear()
        raise KeyboardInterrupt


def interrupt(*_: object) -> None:
    """The signals' handler: raises KeyboardInterrupt unless it is too late, and leaves a mark where that is swallowed.

    DuckDB turns an interrupt inside a query into a RuntimeError of its own.
    """
    stop_requested.set()
    if not too_late.is_set():
        raise KeyboardInterrupt


def leave(code: int) -> NoReturn:
    """End this process now, when all is recorded and said; who asks it to stop meanwhile has the same end sooner.

    Python's own way out takes up to half a second in which a signal would give a finished command the end of a stopped
    one. It frees what the system frees anyway, and waits for threads: one may still wait for PostHog's next byte.
    What libraries have registered for the end runs, but not for who was interrupted.
    """
    handle(lambda *_: os._exit(code))
    if code != Interrupted.exit_code:
        atexit._run_exitfuncs()  # noqa: SLF001  as multiprocessing calls it, for the same end
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # none, or nobody reads it any more
            stream.flush()
    os._exit(code)


def _end_in_time(signals: socket.socket) -> None:
    """Wait for a second signal or the end of the grace, then end."""
    signals.settimeout(GRACE)
    with suppress(TimeoutError):
        _next(signals)
    with suppress(OSError):
        os.write(2, CURSOR * os.isatty(2) + AT_ONCE)
    os._exit(Interrupted.exit_code)


def _next(signals: socket.socket) -> None:
    while signals.recv(1)[0] not in SIGNALS:
        pass
