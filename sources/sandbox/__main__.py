"""`python -m sources.sandbox`: found the company, listen on 127.0.0.1, say where in one line of JSON."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

from sources.sandbox.persistence import move_on, put_by, take_up
from sources.sandbox.server.django_setup import set_up
from sources.sandbox.state import WORLD, times_as_large

DEFAULT_PORT = 8765


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m sources.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another company")
    parser.add_argument("--size", default="small", help="small, medium, or how many times as large as small")
    parser.add_argument(
        "--canaries", action="store_true", help="mark personal data so that leaks can be found"
    )
    time = parser.add_mutually_exclusive_group()
    time.add_argument("--now", type=datetime.fromisoformat, help="when the company ends, with its time zone")
    time.add_argument("--kept", type=Path, help="a file: the company ends now, is kept there and lives on")
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input closes")
    chosen = parser.parse_args(words)
    size = times_as_large(chosen.size)
    if not size:
        parser.error(f"--size {chosen.size}: give small, medium or a whole number from 1")
    chosen.size = size
    return chosen


def company(chosen: argparse.Namespace, folder: Path) -> None:
    """Found the company, or let the kept one live on."""
    WORLD.seed, WORLD.size, WORLD.canaries, WORLD.kept = (
        chosen.seed,
        chosen.size,
        chosen.canaries,
        chosen.kept,
    )
    there = WORLD.kept is not None and take_up(WORLD.kept, folder, WORLD)
    set_up(folder, made=there)
    if there:
        move_on(WORLD)
    else:
        from sources.sandbox.company import found

        WORLD.now = datetime.now(UTC) if WORLD.kept else chosen.now or WORLD.now
        found(WORLD)
    if WORLD.kept:
        put_by(WORLD.kept, WORLD)


def serve(chosen: argparse.Namespace) -> None:
    """Serve the company until a signal (or the end of standard input) comes."""
    from sources.sandbox.server.server import Server

    key = WORLD.new_key("owner", "owner")
    server = Server(("127.0.0.1", chosen.port))
    # shutdown() waits for the serving loop, which runs in the very thread that a signal interrupts.
    end = threading.Thread(target=server.shutdown, daemon=True).start
    once = threading.Lock()

    def stop(*_: object) -> None:
        if once.acquire(blocking=False):
            end()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if chosen.exit_with_stdin:
        threading.Thread(target=_when_stdin_closes, args=(stop,), daemon=True).start()
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{server.server_port}", "key": key.token}) + "\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.05)
    server.server_close()


def _when_stdin_closes(stop: object) -> None:
    while os.read(0, 4096):
        pass
    if callable(stop):
        stop()


def main(words: list[str] | None = None) -> int:
    """Run one sandbox; 0 when it was told to stop, 2 when the port cannot be had."""
    chosen = arguments(words)
    with tempfile.TemporaryDirectory(prefix="posthog-sandbox-", ignore_cleanup_errors=True) as folder:
        company(chosen, Path(folder))
        try:
            serve(chosen)
        except OSError as error:
            sys.stderr.write(
                f"The sandbox cannot listen on port {chosen.port}: {error.strerror}. Try --port 0.\n"
            )
            return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
