"""Stops a command on Ctrl-C and SIGTERM: politely first, at once on a second signal, after eight seconds at most.

A signal -> KeyboardInterrupt in the main thread, and an interrupt of the statement that a database is busy with.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager, suppress
from typing import NoReturn

from pipelines.errors import HogsyncError, Interrupted, OutOfMemory

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""Signals that request a stop."""
GRACE = 8.0
"""Seconds after the first signal in which the process ends at the latest."""
stop_requested = threading.Event()
"""Set when this process was asked to stop."""
_interruptions: list[Callable[[], object]] = []
_interrupted_once = threading.Event()
"""Set when the statements that ran at the stop request have been interrupted."""
CURSOR = b"\x1b[?25h"
"""Shows the cursor, which a progress display had hidden."""
AT_ONCE = b"Stopped at once. The next sync puts right what was cut off.\n"


def listen() -> None:
    """Make either signal raise KeyboardInterrupt in the main thread, and end the process within GRACE seconds.

    The main thread may be in a database's C code, where no Python handler runs, and dlt installs its own handlers while
    it loads and loses signals after its last check. So the system also writes each signal into a socket, and a thread
    reads it and counts the seconds. Ending the process at once is safe: the system releases locks, the sandbox and
    temporary folders with the process, and the next run rewrites uncommitted rows.
    """
    handle(interrupt)
    inside, outside = socket.socketpair()
    outside.settimeout(0)  # a signal must never wait for its reader
    signal.set_wakeup_fd(outside.detach(), warn_on_full_buffer=False)
    threading.Thread(target=_end_in_time, args=[inside], name="hogsync-stopping", daemon=True).start()


def handle(handler: Callable[..., object] | signal.Handlers) -> None:
    """Set the handler of both signals; a signal that nohup or a shell's & ignores stays ignored."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def end_with_parent() -> None:
    """Request a stop when the parent process ends: it holds the other end of standard input open, a pipe."""
    threading.Thread(target=_watch_parent, name="hogsync-watch", daemon=True).start()


def _watch_parent() -> None:
    """Wait for the end of standard input, and do not request a stop twice: systemd, too, signals every process."""
    while os.read(0, 64):
        pass
    if not stop_requested.wait(0.5):
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def interruptible(*statements: Callable[[], object]) -> Iterator[None]:
    """Call these functions in another thread when a stop is requested during the block; never after it.

    They interrupt a database's statements for this process: during these, no Python handler may run for minutes.
    """
    _interruptions.extend(statements)
    try:
        yield
    finally:
        _wait_for_interruption()  # of other threads' statements too: the following statements would wait for them
        for cut in statements:
            _interruptions.remove(cut)
        _wait_for_interruption()  # the following statements, such as the record of the stop, must not be interrupted


def _wait_for_interruption() -> None:
    """Wait, after a stop request, until the statements are interrupted; a late cancel would hit the following ones."""
    if stop_requested.is_set():
        _interrupted_once.wait(GRACE)


def _interrupt_all() -> None:
    for cut in tuple(_interruptions):
        with suppress(Exception):  # nothing may cost the thread that makes sure of the end
            cut()
    _interrupted_once.set()


@contextmanager
def after_record(recorded: Sized) -> Iterator[None]:
    """Let a stop end the block and nothing else once the run is in `recorded`: the command keeps its exit code."""
    try:
        yield
    except KeyboardInterrupt:
        if not (recorded and stop_requested.is_set()):  # a program that calls hogsync has to hear of Ctrl-C
            raise


def check_stop() -> None:
    """Raise KeyboardInterrupt if this process was asked to stop and a library swallowed that."""
    if stop_requested.is_set():
        raise KeyboardInterrupt


def interrupt(*_: object) -> None:
    """Handle a signal: raise KeyboardInterrupt, and remember the request for where a library swallows that."""
    stop_requested.set()
    raise KeyboardInterrupt


def known_end(error: BaseException) -> HogsyncError | None:
    """Return the error that a user gets for `error`; None for a bug.

    After a stop request, any other error is the stop: DuckDB raises its own for Ctrl-C in a query.
    """
    if isinstance(error, HogsyncError):
        return error
    if isinstance(error, KeyboardInterrupt) or stop_requested.is_set():
        return Interrupted("Stopped.")
    return OutOfMemory(error) if isinstance(error, MemoryError) else None


def leave(code: int) -> NoReturn:
    """End this process with an exit code; a signal from here on ends it without a traceback.

    An interrupted process ends at once: one of its threads may still wait for PostHog's next byte.
    """
    handle(signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        with suppress(
            AttributeError, OSError, ValueError
        ):  # there is none, or its reader has closed the pipe
            stream.flush()
    if code == Interrupted.exit_code:
        os._exit(code)
    sys.exit(code)


def _end_in_time(signals: socket.socket) -> None:
    """Interrupt statements at the first signal; wait for a second one or the end of GRACE, then end the process."""
    _next(signals)
    stop_requested.set()
    threading.Thread(target=_interrupt_all, daemon=True).start()  # a server may take long to answer
    signals.settimeout(GRACE)
    with suppress(TimeoutError):
        _next(signals)
    with suppress(OSError):
        os.write(2, CURSOR * os.isatty(2) + AT_ONCE)
    os._exit(Interrupted.exit_code)


def _next(signals: socket.socket) -> None:
    while signals.recv(1)[0] not in SIGNALS:
        pass
