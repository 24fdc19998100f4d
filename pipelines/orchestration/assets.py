"""Describes hogsync to Dagster: assets and checks from the catalogue, jobs and schedules from the settings' groups.

A run of a job is one connection (its partition) and one group: one step, which syncs the group's tables together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import dagster as dg

from pipelines.crontab import crontab, fires
from pipelines.errors import HogsyncError
from pipelines.from_settings import privacy_policy
from pipelines.orchestration.checks import CHECKS
from pipelines.orchestration.step import OPTIONS, key_of, step
from pipelines.settings import Settings, load
from pipelines.settings.sections import GroupSettings
from pipelines.sync.selection import Selection, chosen_tables
from sources.posthog.catalogue import ENDPOINTS, parent_of
from sources.posthog.catalogue.endpoint import Endpoint
from sources.posthog.client.rate_limit import budget_name
from sources.posthog.shape.row_shape import RowShape

BUDGET = "hogsync/budget"
"""The tag of a run with the name of its key's request budget: dagster.yaml lets one run of each name go at a time."""
Groups = Mapping[str, Sequence[str]]
"""The tables of each group of the settings."""
POOL = "hogsync_warehouse"
"""The pool of all steps; its limit is the number of syncs that the warehouse takes at once."""
AGAIN = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL)


def definitions(settings: Settings | None) -> Any:
    """Return everything that Dagster needs to know; settings that are wrong are one sentence."""
    try:
        settings = settings or load()
        groups = {
            name: chosen_tables(settings, Selection(tables=group.tables))
            for name, group in settings.groups.items()
        }
        connections = dg.StaticPartitionsDefinition(
            [one.connection_name for one in settings.each_connection()]
        )
        jobs = {name: _job(name, tables, settings, connections) for name, tables in groups.items()}
        return dg.Definitions(
            assets=[_tables(settings, groups, connections)],
            jobs=list(jobs.values()),
            schedules=[_schedule(name, jobs[name], settings) for name in groups],
            executor=dg.in_process_executor,  # a run has one step: a second process would only start slower
        )
    except HogsyncError as problem:
        raise dg.DagsterInvalidDefinitionError(str(problem)) from None


def _tables(settings: Settings, groups: Groups, connections: Any) -> Any:
    """Return the step, with an asset for each table."""
    specs = [_spec(endpoint, settings, groups) for endpoint in ENDPOINTS.values()]
    made = dg.multi_asset(
        name="sync",
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(name, asset=spec.key, description=meaning)
            for spec in specs
            for name, meaning in CHECKS.items()
        ],
        partitions_def=connections,
        backfill_policy=dg.BackfillPolicy.multi_run(),
        config_schema=OPTIONS,
        can_subset=True,
        pool=POOL,
        retry_policy=AGAIN,
    )
    return made(lambda context: step(context, settings))


def _spec(endpoint: Endpoint, settings: Settings, groups: Groups) -> Any:
    """Return a table's asset; the first group that has the table tells when the table must be fresh."""
    group = next((name for name, tables in groups.items() if endpoint.table in tables), None)
    parents = {parent.table for path in endpoint.paths if (parent := parent_of(path))}
    return dg.AssetSpec(
        key_of(endpoint.table),
        deps=[key_of(parent) for parent in sorted(parents)],
        description=endpoint.doc,
        group_name=_named(group or "unscheduled"),
        tags={"hogsync/plan": endpoint.plan, "hogsync/owner": owner(endpoint)},
        kinds={"posthog", settings.warehouse.kind},
        metadata={
            "dagster/column_schema": _columns(endpoint, settings),
            "key": ", ".join(endpoint.key),
            "scope": endpoint.scope,
            "requires": endpoint.requires,
        },
        freshness_policy=group
        and dg.FreshnessPolicy.time_window(fail_window=fresh_for(group, settings.groups[group])),
    )


def owner(endpoint: Endpoint) -> str:
    """Return what the rows of a table belong to: a project, an organization, a subscription, or the key."""
    parents = [parent.table.removesuffix("s") for path in endpoint.paths if (parent := parent_of(path))]
    return parents[0] if parents else "key"


def _columns(endpoint: Endpoint, settings: Settings) -> Any:
    """Return the columns that the privacy settings leave, with their types."""
    policy = privacy_policy(settings, hashing=False)
    columns = RowShape(endpoint, policy).columns
    key = dg.TableColumnConstraints(nullable=False, other=["primary key"])
    return dg.TableSchema(
        [
            dg.TableColumn(name, type_, constraints=key if name in endpoint.key else None)
            for name, type_ in columns.items()
        ]
    )


def fresh_for(name: str, group: GroupSettings) -> timedelta:
    """Return after which time a table of the group is late: the next run was due, and had one period to end."""
    due = islice(fires(crontab(name, group), datetime.now(UTC)), 8)
    gaps = [after - before for before, after in pairwise(due)]
    return max(gaps) + min(gaps)


def _job(name: str, tables: Sequence[str], settings: Settings, connections: Any) -> Any:
    """Return the job of a group; each of its runs has the tag of its key's budget."""

    def tags(connection: str) -> dict[str, str]:
        own = settings.connection(connection)
        return {BUDGET: budget_name(own.origin, own.key.get_secret_value())} if own.key else {}

    return dg.define_asset_job(
        f"sync_{_named(name)}",
        selection=dg.AssetSelection.assets(*map(key_of, tables)),
        config=dg.PartitionedConfig(
            connections, run_config_for_partition_key_fn=lambda _: {}, tags_for_partition_key_fn=tags
        ),
    )


def _schedule(name: str, job: Any, settings: Settings) -> Any:
    """Return the group's times: at each, one run for each of its connections."""
    group = settings.groups[name]
    names = [one.connection_name for one in settings.each_connection(group.connections)]

    def runs(context: dg.ScheduleEvaluationContext) -> Iterator[Any]:
        at = context.scheduled_execution_time.isoformat()
        for one in names:
            yield dg.RunRequest(run_key=f"{one} {at}", partition_key=one)

    return dg.ScheduleDefinition(
        job=job,
        cron_schedule=group.crontab,
        execution_timezone=group.timezone,
        execution_fn=runs,
        description=f"Syncs the group {name}.",
    )


def _named(group: str) -> str:
    """Return a group's name as Dagster allows names."""
    return group.replace("-", "_")
