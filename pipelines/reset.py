"""`hogsync reset`: forgets how far lists were read, which key hashed the addresses, or where PostHog was.

Rows stay as they are, and so does the fingerprint of the key that saw them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from pipelines.bookkeeping import local_state, records
from pipelines.bookkeeping.state import DatasetState
from pipelines.errors import UsageError
from pipelines.from_settings import open_warehouse, warehouse_problems
from pipelines.locking.load_lock import load_lock
from pipelines.settings import Settings
from pipelines.sync.ownership import refuse_others
from sources.posthog.catalogue import ENDPOINTS


def reset(settings: Settings, tables: Sequence[str], *, hash_key: bool = False, origin: bool = False) -> str:
    """Clear what the arguments name, and return a sentence about it."""
    warehouse = open_warehouse(settings)
    if not warehouse.exists():
        raise UsageError(
            f"There is no warehouse {warehouse.label} yet, so there is nothing to forget. Check WAREHOUSE_URL."
        )
    with load_lock(settings, settings.wait, "hogsync reset"), warehouse_problems(), warehouse.opened():
        refuse_others(DatasetState(warehouse), {})
        # A run that resumes them does not read in full.
        shutil.rmtree(local_state.checkpoint_folder(settings), ignore_errors=True)
        lists = records.clear_positions(warehouse, tables) if tables else 0
        if tables:
            records.clear_announcements(warehouse, tables)
        if hash_key:
            records.clear_hash_key(warehouse)
        former = records.move_origin(warehouse, settings.origin_name, ENDPOINTS) if origin else ""
    done = []
    if tables:
        done.append(f"Forgotten how far {lists:,} list{'s were' if lists != 1 else ' was'} read.")
    if hash_key:
        done.append("The next sync hashes with the current key.")
    if origin:
        belonged = f"; it belonged to {former}" if former else ""
        done.append(f"The dataset belongs to {settings.origin_name} now{belonged}.")
    return " ".join([*done, "The next sync reads in full; no row was touched."])
