"""`hogsync check --report` says how PostHog's lists look, and nothing that stands in them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.check import check
from pipelines.check.report import Samples, _host, report, write_report
from pipelines.settings import load
from sources.posthog.catalogue import DEFAULT_TABLES, ENDPOINTS
from sources.sandbox import Sandbox
from tests.harness.cli import hogsync
from tests.harness.planted import KEY, MARK, planted
from tests.harness.scene import Scene


def reported(settings: dict[str, Any], *tables: str) -> dict[str, Any]:
    place = load({**settings, "HOGSYNC_SELECTION": {"tables": list(tables)}})
    samples = Samples()
    access = check(place, samples.observe).access
    assert access
    return report(place.origin, access, samples)


def of(found: dict[str, Any], table: str) -> dict[str, Any]:
    (one,) = (one for one in found["lists"] if one["table"] == table)
    return dict(one)


def values(found: Any) -> list[str]:
    """Every text of a row, at any depth, that is long enough to be known again."""
    if isinstance(found, dict):
        return [text for name, one in found.items() for text in (*values(name), *values(one))]
    if isinstance(found, list):
        return [text for one in found for text in values(one)]
    return [found] if isinstance(found, str) and len(found) > 9 else []


def test_nothing_that_stands_in_a_list_stands_in_its_report(tmp_path: Path) -> None:
    with planted() as garden:
        settings = {
            "POSTHOG_HOST": garden.origin,
            "POSTHOG_PERSONAL_API_KEY": KEY,
            "WAREHOUSE_URL": f"duckdb:///{tmp_path}/w.duckdb",
            "HOGSYNC_HOME": str(tmp_path / "home"),
        }
        found = reported(settings, *ENDPOINTS)
    text = json.dumps(found)
    assert sum(bool(one["fields"]) for one in found["lists"]) > 60
    assert not MARK.search(text)
    assert "127.0.0.1" not in text
    assert "canary" not in text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)


def test_the_rows_of_a_company_are_not_in_its_report(file_scene: Scene) -> None:
    text = json.dumps(reported(file_scene.settings(), *DEFAULT_TABLES))
    rows = file_scene.posthog.truth(tables=DEFAULT_TABLES)["rows"]
    own = {*DEFAULT_TABLES, *(one.name for table in ENDPOINTS.values() for one in table.fields)}
    for table, some in rows.items():
        for value in {
            text for row in some for name, one in row.items() if name[0] != "_" for text in values(one)
        }:
            if value not in own:
                assert f'"{value}"' not in text, table


def test_a_report_tells_what_a_list_looks_like(file_scene: Scene, posthog: Sandbox) -> None:
    posthog.edit("surveys", set={"new_in_this_release": 7}, parents={"project_id": 101})
    posthog.edit("surveys", unset=["archived"])
    posthog.gate("roles", 402)
    found = reported(file_scene.settings(), "surveys", "roles", "comments", "group_types")
    surveys = of(found, "surveys")
    assert surveys["paths"] == ["projects/{project_id}/surveys/"]
    assert surveys["statuses"] == {"200": 4}
    assert surveys["fields"]["new_in_this_release"]["declared"] is None
    assert "integer" in surveys["fields"]["new_in_this_release"]["types"]
    assert "archived" in surveys["fields_missing"]
    assert surveys["fields"]["name"]["types"].keys() == {"text"}
    assert surveys["seconds"] > 0
    assert surveys["counts"]
    assert list(of(found, "roles")["statuses"]) == ["402"]
    assert of(found, "comments")["order"]["created_at"].keys() <= {"falling", "too few"}
    assert "absolute, with cursor in its query" in str(of(found, "comments")["next"])
    assert list(of(found, "group_types")["envelope"]) == ["an array"]


def test_a_name_that_not_every_row_has_is_not_written(file_scene: Scene, posthog: Sandbox) -> None:
    row = posthog.rows("surveys")[0]
    posthog.edit("surveys", where={"id": row["id"]}, set={"alice_smith": 1})
    surveys = of(reported(file_scene.settings(), "surveys"), "surveys")
    assert ("alice_smith" in surveys["fields"], surveys["fields_not_named"]) == (False, 1)


@pytest.mark.parametrize(
    ("origin", "kind"),
    [
        ("https://us.posthog.com", "cloud, us"),
        ("https://eu.posthog.com", "cloud, eu"),
        ("https://internal.posthog.com", "cloud"),
        ("https://posthog.company.example", "self-hosted"),
        ("https://notposthog.com", "self-hosted"),
    ],
)
def test_of_a_host_only_its_kind_is_written(origin: str, kind: str) -> None:
    assert _host(origin) == kind


@pytest.mark.parametrize("place", ["no folder/file.json", ".", "pipe"])
def test_a_report_that_cannot_be_written_is_told_before_posthog_is_asked(
    file_scene: Scene, tmp_path: Path, place: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    variables = {name: one for name, one in file_scene.settings().items() if isinstance(one, str)}
    before = len(file_scene.posthog.requests())
    done = hogsync("check", "--report", str(tmp_path / place), **variables)
    assert done.code == 2
    assert "cannot be written to " in done.err
    assert "name another file" in done.err
    assert len(file_scene.posthog.requests()) == before
    assert (tmp_path / "pipe").is_fifo()


def test_a_refused_key_leaves_the_report_of_an_earlier_check(file_scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text("earlier")
    settings = load({**file_scene.settings(), "POSTHOG_PERSONAL_API_KEY": "phx_nobody_has_this"})
    samples = Samples()
    said = write_report(file, settings.origin, check(settings, samples.observe).access, samples)
    assert said == f"{file} is not written, because no list could be read."
    assert file.read_text() == "earlier"


def test_the_command_writes_the_file_and_says_so(file_scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    link = tmp_path / "link.json"
    link.symlink_to(file)
    variables = {name: one for name, one in file_scene.settings().items() if isinstance(one, str)}
    ended = hogsync("check", "--report", str(link), **variables)
    assert ended.code == 0, ended.err
    assert f"Written to {link}: how " in ended.err
    assert json.loads(file.read_text("utf-8"))["host"] == "self-hosted"
    assert file.stat().st_mode & 0o777 == 0o600
    assert link.is_symlink()
    several = {**variables, "HOGSYNC_CONNECTIONS__ONE__HOST": "https://a.example"}
    several |= {"HOGSYNC_CONNECTIONS__TWO__HOST": "https://b.example"}
    refused = hogsync("check", "--report", str(file), **several)
    assert (refused.code, "--connection NAME" in refused.err) == (2, True)
