"""An Airflow DAG that syncs every connection of hogsync's settings, each in a mapped task of its own.

Airflow and hogsync keep their environments apart: the tasks run the command of hogsync's environment in the folder with
its `.env` and `hogsync.toml`. Two Airflow variables name both: `hogsync_bin` (the folder of the command) and
`hogsync_folder`. README.md of deploy/dagster compares both engines.
"""

from __future__ import annotations

import json
import subprocess
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Variable, dag, task
from airflow.sdk.exceptions import AirflowFailException

SCHEDULE = "0 * * * *"
AT_ONCE = 4  # on DuckDB 1: its file has one writer
FINAL = {2: "a setting is wrong", 3: "PostHog refused the key"}
"""The exit codes that another attempt cannot change."""
NAMES = (
    "import hogsync, json;"
    "print(json.dumps([one.connection_name for one in hogsync.load_settings().each_connection()]))"
)


def run(command: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of hogsync's environment; its log goes to the task's, its answer is kept."""
    path = f"{Variable.get('hogsync_bin', '/opt/hogsync/bin')}/{command}"
    folder = Variable.get("hogsync_folder", "/etc/hogsync")
    done = subprocess.run([path, *words], cwd=folder, capture_output=True, text=True, check=False)
    print(done.stderr)  # noqa: T201  Airflow keeps what a task prints
    return done


@dag(
    schedule=SCHEDULE,
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001  Airflow takes it as UTC
    catchup=False,
    max_active_runs=1,  # with one task for each connection: no key has two runs at once that would share its budget
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "retry_exponential_backoff": True},
    tags=["hogsync"],
)
def hogsync() -> None:
    """Ask for the connections, and sync each."""

    @task
    def connections() -> list[str]:
        """Return the names of the connections, as hogsync's own settings have them."""
        done = run("python", "-c", NAMES)
        if done.returncode:
            raise AirflowFailException(done.stderr.strip().rpartition("\n")[2])
        return list(json.loads(done.stdout))

    @task(map_index_template="{{ connection }}", max_active_tis_per_dagrun=AT_ONCE)
    def sync(connection: str) -> dict[str, Any]:
        """Sync a connection and return its run record."""
        from airflow.sdk import get_current_context

        get_current_context()["connection"] = connection
        done = run("hogsync", "sync", "--connection", connection, "--json")
        if done.returncode in FINAL:
            raise AirflowFailException(f"{FINAL[done.returncode]}: {json.loads(done.stdout)['error']}")
        if done.returncode:
            raise RuntimeError(
                f"hogsync sync ended with exit code {done.returncode}; the log above says why."
            )
        return dict(json.loads(done.stdout))

    sync.expand(connection=connections())


hogsync()
