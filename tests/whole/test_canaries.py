"""A canary in every field of the catalogue that has a class: each ends exactly where the settings allow it."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import parquet

from sources.posthog.catalogue import ENDPOINTS
from tests.harness.cli import dying_sync, hogsync
from tests.harness.ended import Ended
from tests.harness.planted import KEY, MARK, NEVER, UNKNOWN, Canary, Garden, planted
from tests.harness.scene import HASH_KEY
from tests.harness.stored import ask, types

ROOT = Path(__file__).parents[2]
DEFAULTS = {"person": "keep", "recipient": "hash", "text": "keep", "customer": "drop"}
STRICT = ("keep", "hash", "drop")
LATER = pytest.mark.soak("stories")
SETTINGS = {"defaults": DEFAULTS, **{mode: dict.fromkeys(DEFAULTS, mode) for mode in STRICT}}


@pytest.fixture(scope="module")
def garden() -> Iterator[Garden]:
    with planted() as one:
        yield one


def synced(garden: Garden, url: str, modes: dict[str, str]) -> Ended:
    """A sync with all that it can be made to say."""
    settings = {f"HOGSYNC_PRIVACY__{kind.upper()}": mode for kind, mode in modes.items()}
    settings |= {"POSTHOG_HOST": garden.origin, "POSTHOG_PERSONAL_API_KEY": KEY, "WAREHOUSE_URL": url}
    settings |= {"HOGSYNC_HASH_KEY": HASH_KEY, "TMPDIR": str(Path("tmp").absolute())}
    Path("tmp").mkdir(exist_ok=True)
    return hogsync("--debug", "sync", *ENDPOINTS, "--json", **settings)


def tables(url: str) -> dict[str, str]:
    """Every table of every schema as text."""
    schemas = "select distinct table_schema from information_schema.tables"
    held = {}
    for (schema,) in ask(url, schemas):
        if schema in {"pg_catalog", "information_schema"}:
            continue
        for table, columns in types(url, schema).items():
            names = ", ".join(f'"{name}"::varchar' for name in columns)
            held[f"{schema}.{table}"] = str(ask(url, f'select {names} from "{schema}"."{table}"'))
    return held


def files() -> dict[str, str]:
    """Every file in the test's folder, which holds home, warehouse and temporary files, as bytes."""
    found = (path for path in Path.cwd().rglob("*") if path.is_file())
    return {str(path): path.read_bytes().decode("latin-1") for path in found}


def mode(canary: Canary, modes: dict[str, str]) -> str:
    """What the settings say of a canary; who knows no field's class takes the strictest that it may have."""
    if canary.kind == NEVER:
        return "drop"
    kinds = {"person", "recipient"} if canary.kind == UNKNOWN else {canary.kind}
    kinds |= {canary.inside} - {""}
    return max((modes[kind] for kind in kinds), key=STRICT.index)


def with_history(table: str) -> set[str]:
    """A table, and the history in which its rows' versions stand with their lists."""
    row = table.partition("__")[0]
    return {table, ENDPOINTS[row].history} - {""} if row in ENDPOINTS else {table}


def hashed(text: str) -> str:
    return hmac.new(HASH_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.fault(
    "security.classes",
    "security.secrets_everywhere",
    "security.unknown_addresses",
    "security.shared_temporary_folder",
)
@pytest.mark.parametrize(
    ("warehouse_url", "name"),
    [
        ("duckdb", "hash"),
        *(pytest.param("duckdb", name, marks=LATER) for name in ("keep", "drop")),
        pytest.param("postgres", "defaults", marks=LATER),
    ],
    indirect=["warehouse_url"],
)
def test_every_canary_ends_exactly_where_the_settings_allow(
    garden: Garden, warehouse_url: str, name: str
) -> None:
    modes = SETTINGS[name]
    done = synced(garden, warehouse_url, modes)
    assert done.code == 0, done.err
    assert len(garden.canaries) > 500
    held = {table.removeprefix("posthog."): text for table, text in tables(warehouse_url).items()}
    places: dict[str, set[str]] = {mark: set() for mark in garden.canaries}
    for table, text in held.items():
        for mark in set(MARK.findall(text)):
            places[mark].add(table)
    kept = {mark for mark, canary in garden.canaries.items() if mode(canary, modes) == "keep"}
    wrong = [
        f"{canary} is in {sorted(places[mark]) or 'no table'}"
        for mark, canary in garden.canaries.items()
        if places[mark] != (with_history(canary.table) if mark in kept else set())
    ]
    assert wrong == []
    lost = [
        canary
        for canary in garden.canaries.values()
        if canary.hashed and mode(canary, modes) == "hash" and hashed(canary.hashed) not in held[canary.table]
    ]
    assert lost == []
    everything = {"stdout": done.out, "stderr": done.err, **files()}
    assert {where for where, text in everything.items() if set(MARK.findall(text)) - kept} == set()
    assert {where for where, text in everything.items() if KEY in text or HASH_KEY in text} == set()
    assert not {where for where in ("stdout", "stderr") if MARK.search(everything[where])}
    assert list(Path("tmp").iterdir()) == []


@pytest.mark.soak("stories")
@pytest.mark.fault("security.leftovers_of_a_kill", "security.shared_temporary_folder")
def test_what_a_killed_run_leaves_on_the_disk_holds_only_what_the_settings_keep(garden: Garden) -> None:
    settings = {
        "POSTHOG_HOST": garden.origin,
        "POSTHOG_PERSONAL_API_KEY": KEY,
        "WAREHOUSE_URL": "duckdb:///hogsync.duckdb",
        "HOGSYNC_HASH_KEY": HASH_KEY,
        "HOGSYNC_HOME": "home",
    }
    order = {"settings": settings, "tables": [], "projects": [], "told": "told"}
    Path("tmp").mkdir()

    def sync(kind: str, number: int) -> int:
        return dying_sync({**order, "kind": kind, "number": number}, TMPDIR=str(Path("tmp").absolute())).code

    settings["HOGSYNC_DATASET"] = "elsewhere"
    assert sync("none", 0) == 0
    statements = [what for kind, what in json.loads(Path("told").read_text()) if kind == "statement"]
    commits = [n for n, what in enumerate(statements, 1) if "commit" in what]
    settings["HOGSYNC_DATASET"] = "posthog"
    Path("hogsync.duckdb").unlink()
    assert sync("statement", commits[-1]) == -signal.SIGKILL
    left = files() | {
        f"{path} as rows": str(parquet.read_table(path).to_pydict())
        for path in Path("home").rglob("*.parquet")
    }
    assert any(name.endswith(" as rows") for name in left), "dlt's files are there"
    assert any(name.endswith(".wal") for name in left), "DuckDB's log is there"
    kept = {mark for mark, canary in garden.canaries.items() if mode(canary, DEFAULTS) == "keep"}
    found = {where: set(MARK.findall(text)) for where, text in left.items()}
    assert set().union(*found.values()) & kept, "canaries can be found"
    assert {where for where, marks in found.items() if marks - kept} == set()
    assert {where for where, text in left.items() if KEY in text or HASH_KEY in text} == set()
    assert list(Path("tmp").iterdir()) == []


@pytest.fixture
def breaking(garden: Garden) -> Iterator[Garden]:
    """A PostHog whose long lists break off, after more pages than are kept in memory alone."""
    garden.breaks_off_after = 12
    yield garden
    garden.breaks_off_after = 0


@pytest.mark.fault("security.leftovers_of_a_kill")
@pytest.mark.parametrize("name", ["hash", pytest.param("keep", marks=LATER)])
def test_what_is_kept_of_half_read_lists_holds_only_what_the_settings_keep(
    breaking: Garden, name: str
) -> None:
    modes = SETTINGS[name]
    done = synced(breaking, "duckdb:///hogsync.duckdb", modes)
    assert done.code == 1, done.err
    walks = {where: text for where, text in files().items() if "/walks/" in where}
    assert len(walks) == 6, "event definitions, and all lists that are read newest first"
    kept = {mark for mark, canary in breaking.canaries.items() if mode(canary, modes) == "keep"}
    found = set().union(*(MARK.findall(text) for text in walks.values()))
    assert bool(found) == bool(kept), "canaries can be found, if there are any"
    assert found <= kept
    assert not [where for where, text in walks.items() if KEY in text or HASH_KEY in text]
    breaking.breaks_off_after = 0
    assert synced(breaking, "duckdb:///hogsync.duckdb", modes).code == 0
    assert not [where for where in files() if "/walks/" in where], "what is loaded is kept no longer"
