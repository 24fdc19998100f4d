"""Runs hogsync under Dagster: settings -> definitions of assets, checks, jobs and schedules.

Dagster decides when and where a sync runs; `pipelines.attended.sync` loads, under the load lock and the laws of every
sync. Only the modules `assets` and `step` import Dagster, which the extra `dagster` installs: importing hogsync, and
every command, works without it.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pipelines.errors import UsageError

if TYPE_CHECKING:
    from pipelines.settings import Settings


def dagster_definitions(settings: Settings | None = None) -> Any:
    """Return a dagster.Definitions: an asset for each table, a partition for each connection, a job for each group.

    Without `settings`, those of `load_settings()`. Raises UsageError if Dagster is not installed, and
    dagster.DagsterInvalidDefinitionError with the same one sentence if a setting is wrong.
    """
    if find_spec("dagster") is None:
        raise UsageError("This needs Dagster: install it with `pip install 'hogsync[dagster]'`.")
    from pipelines.orchestration.assets import definitions

    return definitions(settings)
