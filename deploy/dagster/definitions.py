"""hogsync's code location for Dagster: everything in it comes from hogsync's own settings. See README.md beside it."""

from __future__ import annotations

import hogsync

defs = hogsync.dagster_definitions()
