"""Looks at each connection's settings, key and warehouse, in a process of its own: `python -m pipelines.schedule.look`.

Of its own, because the libraries that it needs would double the memory of the service, which waits most of its time.
Another problem than wrong settings or a refused key is only logged: a PostHog or a warehouse may be back when a group
is due, and a watch has an answer as soon as its table is there.
"""

from __future__ import annotations

import logging

from pipelines import logs
from pipelines.alerts.problems import notifier_problems, watch_problems
from pipelines.check.posthog import PATIENCE
from pipelines.check.warehouse import examine_warehouse
from pipelines.console import write_json
from pipelines.errors import HogsyncError, KeyProblem, UsageError, WarehouseProblem
from pipelines.from_settings import open_client
from pipelines.settings import Settings, load
from pipelines.sync.outcome import ExtractionFailed
from pipelines.sync.selection import known_tables
from sources.posthog.catalogue import DEFAULT_TABLES
from sources.posthog.errors import KeyRefused, Misdirected, PageFailed
from sources.posthog.extract.api_key import current_key

log = logging.getLogger("hogsync")


def main() -> None:
    """Print a line of JSON after each connection: its name, the problem's exit code or 0, the sentence."""
    logs.set_up()
    with logs.held():
        settings = load()
        logs.follow(settings)
    for place in settings.each_connection():
        problem = problem_of(place)
        code, text = (problem.exit_code, logs.redacted(str(problem))) if problem else (0, "")
        write_json([place.connection_name, code, text])


def problem_of(settings: Settings) -> HogsyncError | None:
    """Return what would keep a connection's runs from being good, None if nothing would."""
    logs.concern(settings)
    try:
        problem = _look_at_posthog(settings)
        problem = _look_at_warehouse(settings) or problem
        for text in watch_problems(settings):
            log.error("%s The service goes on, and each run warns of it.", logs.redacted(text))
        return next(map(UsageError, notifier_problems(settings)), problem)
    except (UsageError, KeyProblem) as lasting:
        return lasting


def _look_at_warehouse(settings: Settings) -> WarehouseProblem | None:
    problem = None
    chosen = (
        group.tables or settings.selection.tables or DEFAULT_TABLES for group in settings.groups.values()
    )
    for finding in examine_warehouse(settings, known_tables(table for tables in chosen for table in tables)):
        if finding.exit_code == UsageError.exit_code:
            raise UsageError(finding.text)
        if finding.exit_code:
            log.error("%s The service goes on and tries when a group is due.", finding.text)
            problem = WarehouseProblem(finding.text)
    return problem


def _look_at_posthog(settings: Settings) -> HogsyncError | None:
    key = settings.require_key().get_secret_value()
    try:
        with open_client(settings, key, retry=PATIENCE) as client:
            current_key(client.get)
    except KeyRefused as refused:
        raise KeyProblem(str(refused)) from None
    except Misdirected as problem:
        raise UsageError(str(problem)) from None
    except PageFailed as failed:
        log.error("%s The service goes on and tries when a group is due.", failed)
        return ExtractionFailed(str(failed))
    return None


if __name__ == "__main__":
    main()
