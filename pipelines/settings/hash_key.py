"""Keeps the random hash key in `HOGSYNC_HOME/hash.key` when no `HOGSYNC_HASH_KEY` is set."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from filelock import FileLock

from pipelines.atomic_file import write_atomically
from pipelines.errors import UsageError


def kept_hash_key(home: Path) -> bytes:
    """Return the 32 bytes of `home`/hash.key; the first call writes the file (0600, in a folder 0700).

    Raises UsageError if the file is damaged: a new key made silently would give every address a second hash.
    """
    path = home / "hash.key"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            with FileLock(home / "hash.key.lock", mode=0o600):  # two first runs at once must agree on one key
                if not path.exists():
                    write_atomically(path, secrets.token_hex(32))
        text = path.read_text("ascii", errors="replace").strip()
    except OSError as error:
        raise UsageError(
            f"The hash key cannot be kept in {path} ({error.strerror}); "
            "make HOGSYNC_HOME a folder that hogsync can write, or set HOGSYNC_HASH_KEY."
        ) from error
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise UsageError(
            f"The hash key in {path} is damaged (64 hexadecimal digits belong there); restore it from a "
            "backup, or delete it to have a new one, with which every hash in the warehouse changes."
        )
    return bytes.fromhex(text)
