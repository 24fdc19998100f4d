"""hogsync under Airflow: the DAG, parsed and run by a real Airflow that shares no package with hogsync."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sources.sandbox import Sandbox, start
from tests.harness.differences import differences
from tests.harness.environments import ROOT, made
from tests.harness.expected import expected
from tests.harness.scene import HASH_KEY
from tests.harness.stored import stored

AIRFLOW = ROOT / "deploy" / "airflow"
NAMES = ("a", "b")


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment that has Airflow."""
    return (
        made(tmp_path_factory.mktemp("airflow") / "venv", AIRFLOW / "requirements.txt", hogsync=False)
        / "airflow"
    )


def settings(folder: Path, posthogs: dict[str, Sandbox]) -> dict[str, str]:
    """Write hogsync's settings into the folder, and return Airflow's environment."""
    sections = [
        f'[connections.{n}]\nhost = "{one.url}"\nkey_env = "KEY_{n.upper()}"\n' for n, one in posthogs.items()
    ]
    (folder / "hogsync.toml").write_text("\n".join(sections))
    keys = [f"KEY_{name.upper()}={one.key}\n" for name, one in posthogs.items()]
    file = f"WAREHOUSE_URL=duckdb:///{folder / 'hogsync.duckdb'}\n"
    (folder / ".env").write_text(f"{file}HOGSYNC_HASH_KEY={HASH_KEY}\n{''.join(keys)}")
    (folder / ".env").chmod(0o600)
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(AIRFLOW),
        "AIRFLOW_VAR_HOGSYNC_BIN": str(Path(sys.executable).parent),
        "AIRFLOW_VAR_HOGSYNC_FOLDER": str(folder),
    }


@pytest.mark.soak("airflow")
def test_a_real_airflow_parses_the_dag_and_syncs_each_connection_in_a_task_of_its_own(
    airflow: Path, tmp_path: Path
) -> None:
    with start(seed=1) as first, start(seed=2) as second:
        posthogs = dict(zip(NAMES, (first, second), strict=True))
        environment = settings(tmp_path, posthogs)

        def command(*words: str) -> tuple[int, str]:
            done = subprocess.run(
                [str(airflow), *words],
                env=environment,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=1200,
            )
            return done.returncode, done.stdout + done.stderr

        assert command("db", "migrate")[0] == 0
        assert command("dags", "reserialize")[0] == 0
        code, told = command("dags", "list-import-errors")
        assert (code, "No data found" in told) == (0, True), told
        code, told = command("dags", "test", "hogsync")
        assert (code, "state=success" in told) == (0, True), told[-5000:]
        for name, posthog in posthogs.items():
            assert f"rendered_map_index='{name}'" in told
            held = stored(f"duckdb:///{tmp_path / 'hogsync.duckdb'}", f"posthog_{name}")
            assert differences(expected(posthog.truth(), HASH_KEY), held) == ""
        second.change_key("owner", revoked=True)
        code, told = command("dags", "test", "hogsync")
        assert "PostHog refused the key" in told
        assert "state=failed" in told
        assert not any(posthog.key in told for posthog in posthogs.values())
