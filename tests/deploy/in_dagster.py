"""A program that Dagster's environment runs: tells in JSON what the definitions hold. Imports nothing of the tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import dagster as dg

import hogsync

found = hogsync.dagster_definitions()
graph = found.resolve_asset_graph()
noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
at = dg.build_schedule_context(scheduled_execution_time=noon, repository_def=found.get_repository_def())
nodes = {key.path[-1]: graph.get(key) for key in graph.get_all_asset_keys()}
told = {
    "assets": {
        table: {
            "group": node.group_name,
            "description": node.description,
            "tags": {name: value for name, value in node.tags.items() if name.startswith("hogsync/")},
            "columns": [column.name for column in node.metadata["dagster/column_schema"].columns],
            "key": node.metadata["key"],
            "parents": sorted(key.path[-1] for key in node.parent_keys),
            "checks": sorted(key.name for key in node.check_keys),
            "fresh": node.freshness_policy
            and node.freshness_policy.fail_window.to_timedelta().total_seconds(),
            "partitions": node.partitions_def.get_partition_keys(),
        }
        for table, node in nodes.items()
    },
    "schedules": {
        schedule.name: {
            "crontab": schedule.cron_schedule,
            "timezone": schedule.execution_timezone,
            "connections": [one.partition_key for one in schedule.evaluate_tick(at).run_requests],
        }
        for schedule in found.schedules
    },
}
print(json.dumps(told))
