"""Write the datasets of another version of hogsync: `python -m tests.earlier HOGSYNC NAME`, HOGSYNC being its command.

Its runs are moved into 2025, so that no clock is behind them.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.earlier.company import Company
from tests.earlier.dump import dumped
from tests.earlier.story import HOST, PARTLY_READ, TABLES, beginning, later
from tests.harness.little_posthog import KEY
from tests.harness.postgres import serve
from tests.harness.scene import HASH_KEY

FOLDER = Path(__file__).parent
YEARS = re.compile(r"'(\d{4}-\d\d-\d\d)([ T]\d\d:\d\d:\d\d)|'(\d{10})(\.\d+)'")


def main(hogsync: str, name: str) -> None:
    """Write `<name>_duckdb.sql.gz` and `<name>_postgres.sql.gz`."""
    with tempfile.TemporaryDirectory() as folder, serve() as server:
        urls = {"duckdb": f"duckdb:///{folder}/hogsync.duckdb", "postgres": server.url()}
        for database, url in urls.items():
            text = _written(hogsync, url, folder)
            assert "canarysecret" not in text
            (FOLDER / f"{name}_{database}.sql.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def _written(hogsync: str, url: str, home: str) -> str:
    began = datetime.now(UTC).replace(microsecond=0)
    company = beginning(Company())
    with company.serve() as server:
        environment = {
            "PATH": os.environ["PATH"],
            "POSTHOG_HOST": server.origin,
            "POSTHOG_PERSONAL_API_KEY": KEY,
            "WAREHOUSE_URL": url,
            "HOGSYNC_HASH_KEY": HASH_KEY,
            "HOGSYNC_HOME": f"{home}/home",
        }
        command = [hogsync, "sync", *TABLES, "--quiet"]
        subprocess.run(command, env=environment, cwd=home, check=True)
        later(company)
        company.page, company.refused = 2, PARTLY_READ
        assert subprocess.run(command, env=environment, cwd=home, check=False).returncode == 1
        text = dumped(url).replace(server.origin, HOST)
    return _moved(text, began, datetime.now(UTC))


def _moved(text: str, began: datetime, ended: datetime) -> str:
    """Move the times of the runs, and the numbers of their loads, to the first of January 2025."""
    then = began.replace(year=2025, month=1, day=1)

    def moved(found: re.Match[str]) -> str:
        day, clock, load, rest = found.groups()
        if load:
            is_ours = began.timestamp() <= int(load) <= ended.timestamp()
            return f"'{int(load) - int((began - then).total_seconds())}{rest}'" if is_ours else found[0]
        at = datetime.fromisoformat(f"{day}{clock}+00:00")
        return f"'{then:%Y-%m-%d}{clock}" if began <= at <= ended else found[0]

    return YEARS.sub(moved, text)


if __name__ == "__main__":
    main(*sys.argv[1:])
