"""A dataset that an earlier hogsync wrote is gone on with: nothing is written again, and what changes arrives."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines.settings import load
from pipelines.sync.outcome import Outcome
from pipelines.sync.selection import Selection
from pipelines.sync.sync import sync
from tests.earlier.company import Company
from tests.earlier.dump import restore
from tests.earlier.story import COMMENTS, HOST, PROJECT, TABLES, later
from tests.harness.little_posthog import KEY
from tests.harness.scene import HASH_KEY, of, written
from tests.harness.stored import tables
from tests.harness.versions import history, wrong_versions
from tests.sources.posthog.client.wire_server import Server

pytestmark = pytest.mark.versions

FOLDER = Path(__file__).parent
VERSIONS = sorted({file.name.partition("_")[0] for file in FOLDER.glob("*.sql.gz")})
AGES = {
    "sweep_every": "36500d",
    "full_every": "36500d",
    "full_every_of": {"subscription_deliveries": "36500d"},
}
"""The datasets' last runs are years ago, and their positions hold all the same."""
REWRITTEN = {"organization_activity_logs"}
"""Tables whose rows are written again, with the values that they have: the rules of what stands in them changed."""
STAMPS = {"_synced_at", "_dlt_load_id"}
COHORT, EVENT = 7001, "$identify"
Stored = dict[str, dict[tuple[Any, ...], dict[str, Any]]]


def without(
    hidden: set[str], rows: dict[tuple[Any, ...], dict[str, Any]]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Leave columns out of a table's rows."""
    return {key: {name: row[name] for name in row.keys() - hidden} for key, row in rows.items()}


@dataclass(slots=True)
class Earlier:
    """A restored dataset beside its company as it was at the end of that dataset's last run."""

    version: str
    company: Company
    server: Server
    url: str
    home: Path

    def sync(self) -> Outcome:
        given = {
            "POSTHOG_HOST": self.server.origin,
            "POSTHOG_PERSONAL_API_KEY": KEY,
            "WAREHOUSE_URL": self.url,
            "HOGSYNC_HASH_KEY": HASH_KEY,
            "HOGSYNC_HOME": str(self.home),
            "HOGSYNC_LISTS": AGES,
        }
        self.server.asked.clear()
        outcome = sync(load(given), Selection(tables=TABLES))
        assert outcome.exit_code == 0, outcome
        return outcome

    @property
    def asked(self) -> list[str]:
        """The paths of the last sync's requests."""
        return [one.target.removeprefix("/api/").partition("?")[0] for one in self.server.asked]

    def stored(self) -> Stored:
        """Every row with all of its columns, the bookkeeping ones too."""
        return {table: dict(found) for table, found in tables(self.url, "posthog")}

    def versions(self, table: str) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
        return history(self.url, table)


@pytest.fixture(params=VERSIONS)
def earlier(request: pytest.FixtureRequest, warehouse_url: str, tmp_path: Path) -> Iterator[Earlier]:
    """A dataset of each earlier version, on each database."""
    database = "duckdb" if warehouse_url.startswith("duckdb:") else "postgres"
    text = gzip.decompress((FOLDER / f"{request.param}_{database}.sql.gz").read_bytes()).decode()
    company = later(Company())
    with company.serve() as server:
        restore(text.replace(HOST, server.origin), warehouse_url)
        yield Earlier(request.param, company, server, warehouse_url, tmp_path / "home")


def test_a_dataset_of_an_earlier_version_is_gone_on_with(earlier: Earlier) -> None:
    before = earlier.stored()
    histories = {table: earlier.versions(table) for table in TABLES}
    unread = {(101, row["id"]) for row in earlier.company.lists[COMMENTS]} - before["comments"].keys()
    assert len(unread) == 2

    # Nothing has changed: rows and versions stay as they are, and comments that were not read yet come.
    first = earlier.sync()
    after = earlier.stored()
    assert {key for key in after["comments"] if key not in before["comments"]} == unread
    for table, rows in before.items():
        hidden = STAMPS if table in REWRITTEN else set()
        there = {key: row for key, row in after[table].items() if table != "comments" or key not in unread}
        assert without(hidden, there) == without(hidden, rows), table
    assert {table: earlier.versions(table) for table in TABLES} == histories
    assert not first.run.warnings
    # Positions hold, except where a rule changed and all was read in full: of deliveries only an open one is asked for.
    assert written(earlier.sync()) == 0
    assert not {path for path in earlier.asked if "deliveries" in path} - {
        f"{PROJECT}subscriptions/4104/deliveries/"
    }

    # What changes and what goes arrives, and history goes on.
    earlier.company.find(f"{PROJECT}cohorts/", "id", COHORT)["name"] = "Renamed again"
    events = earlier.company.lists[f"{PROJECT}event_definitions/"]
    events.remove(earlier.company.find(f"{PROJECT}event_definitions/", "name", EVENT))
    second = earlier.sync()
    at = second.run.started_at
    assert (of(second, "cohorts").counts.updated, of(second, "event_definitions").counts.deleted) == (1, 1)
    *_, was, renamed = earlier.versions("cohorts")[101, COHORT]
    assert (renamed["op"], renamed["name"], renamed["valid_from"]) == ("update", "Renamed again", at)
    assert was["valid_to"] == at
    assert was["name"] != "Renamed again"
    *_, gone = earlier.versions("event_definitions")[101, EVENT]
    assert (gone["op"], gone["valid_from"]) == ("delete", at)
    assert earlier.stored()["event_definitions"][101, EVENT]["_deleted_at"] == at
    assert wrong_versions(earlier.url) == ""
