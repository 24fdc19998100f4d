"""Canaries in every secret, person, recipient, text and customer field: each ends where the settings allow it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from pipelines.errors import HogsyncError
from sources.sandbox import Sandbox
from tests.harness.long_lists import PROJECT, many_comments
from tests.harness.planted import hide_secrets
from tests.harness.scene import Scene, of
from tests.harness.stored import types

pytestmark = pytest.mark.duckdb_first

SECRET = "canarysecret"
CLASSES = ("canaryperson", "canaryrecipient", "canarytext", "canarycustomer")


@pytest.fixture
def company(canary_company: Sandbox) -> Sandbox:
    return canary_company


@pytest.fixture
def posthog(posthog: Sandbox) -> Sandbox:
    """The company with secrets where nobody expects them."""
    hide_secrets(posthog, SECRET)
    return posthog


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that any logger says, at every level."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    root, ours = logging.getLogger(), logging.getLogger("hogsync")
    levels = root.level, ours.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    yield heard
    root.removeHandler(handler)
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def found_in(scene: Scene) -> dict[str, str]:
    """All that a warehouse holds, as text by table, and by file what lies on the disk."""
    held = {}
    for table, columns in types(scene.url).items():
        names = ", ".join(f'"{name}"::varchar' for name in columns)
        held[table] = str(scene.ask(f'select {names} from posthog."{table}"'))
    for folder in (scene.home, scene.home.parent):
        for path in folder.rglob("*"):
            if path.is_file():
                held[str(path.relative_to(scene.home.parent))] = path.read_bytes().decode("latin-1")
    return held


def places(scene: Scene, mark: str) -> set[str]:
    """Where a mark stands."""
    return {name for name, text in found_in(scene).items() if mark in text}


@pytest.mark.fault("security.classes", "security.secrets_everywhere")
@pytest.mark.parametrize("warehouse_url", ["duckdb"], indirect=True)
def test_no_secret_leaves_the_process_and_the_rest_goes_where_the_defaults_allow(
    scene: Scene, posthog: Sandbox, logged: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = scene.sync()
    posthog.fault(path="comments", kind="status", status=403)
    again = scene.sync("comments", "cohorts", projects=(101,))
    posthog.clear_faults()
    with pytest.raises(HogsyncError) as caught:
        scene.sync("cohorts", key="phx_wrongcanarysecret0000")
    file = {"hogsync.duckdb"} if scene.url.startswith("duckdb") else set()
    assert places(scene, SECRET) == set()
    said = [
        logged.getvalue(),
        *capfd.readouterr(),
        str(caught.value),
        repr(caught.value),
        repr(scene.settings),
    ]
    said += [f"{result.status} {result.detail}" for one in (outcome, again) for result in one.tables]
    said += [str(outcome.run), str(again.run)]
    for text in said[:5]:
        assert SECRET not in text, text[:2000]
    assert SECRET not in "".join(said[6:])
    assert places(scene, "canarycustomer") == set()
    assert places(scene, "canaryrecipient") == set()
    assert places(scene, "canaryperson") == {"people", "organization_activity_logs"} | file
    assert places(scene, "canarytext") == {"comments", "organization_activity_logs"} | file


@pytest.mark.fault("security.other_privacy")
@pytest.mark.parametrize(
    ("warehouse_url", "narrowed"), [("duckdb", "projects"), ("postgres", "key")], indirect=["warehouse_url"]
)
def test_another_setting_reaches_projects_that_its_first_run_left_out(
    scene: Scene, posthog: Sandbox, narrowed: str
) -> None:
    many_comments(posthog)
    scene.sync("comments", privacy={"text": "hash"})
    hashes = f"select count(*) from posthog.comments where project_id = {PROJECT} and content not like '% %'"
    assert scene.ask(hashes) != [(0,)]
    if narrowed == "projects":
        scene.sync("comments", projects=(101,))
    else:
        other = posthog.rows("organizations")[1]["id"]
        key = posthog.new_key(f"of another organization {scene.url[:4]}", scoped_organizations=[other])
        scene.sync("comments", key=key)
    assert scene.ask(hashes) != [(0,)], "it was not read"
    first = of(scene.sync("comments"), "comments")
    assert scene.ask(hashes) == [(0,)]
    assert of(scene.sync("comments"), "comments").pages < first.pages, "once is enough"
