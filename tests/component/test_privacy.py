"""Canaries in every secret, person, recipient, text and customer field: the settings decide which are stored."""

from __future__ import annotations

import pytest

from sources.sandbox import Sandbox
from tests.component.scene import Scene
from tests.harness.planted import hide_secrets

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


def places(scene: Scene, mark: str) -> set[str]:
    """The tables, and the files of half-read lists, in which a mark stands."""
    held = {name: str(rows) for name, rows in scene.stored().items()}
    files = (path for path in scene.home.rglob("*") if path.is_file())
    held |= {str(path): path.read_bytes().decode("latin-1") for path in files}
    return {name for name, text in held.items() if mark in text}


@pytest.mark.fault("security.classes")
@pytest.mark.parametrize(
    ("settings", "kept", "gone"),
    [
        ({"recipient": "keep"}, {"canaryrecipient": "subscriptions__recipients"}, ()),
        ({"person": "hash", "text": "hash"}, {}, ("canaryperson", "canarytext")),
        ({"person": "drop", "text": "drop", "recipient": "drop"}, {}, CLASSES),
        ({"customer": "keep"}, {"canarycustomer": "cohorts"}, ("canaryrecipient",)),
        ({"customer": "hash"}, {}, ("canarycustomer",)),
    ],
)
def test_settings_decide_what_is_kept_hashed_or_dropped(
    scene: Scene, settings: dict[str, str], kept: dict[str, str], gone: tuple[str, ...]
) -> None:
    tables = ("organization_members", "subscription_deliveries", "cohorts", "comments")
    scene.sync(*tables, projects=(101,), privacy=settings)
    assert places(scene, SECRET) == set()
    for mark in gone:
        assert places(scene, mark) == set(), mark
    for mark, table in kept.items():
        assert table in places(scene, mark)
    made = {name: table.columns for name, table in scene.warehouse.tables.items()}
    dropped = "drop" in settings.values()
    assert ("content" in made["comments"]) != dropped
    assert ("email" in made["people"]) != dropped
    assert ("subscriptions__recipients" in made) == (settings.get("recipient") != "drop")
    assert ("address" in made.get("subscriptions__recipients", ())) == (settings.get("recipient") == "keep")


def test_equal_addresses_have_equal_hashes(scene: Scene) -> None:
    scene.sync("subscription_deliveries", projects=(101,))
    hashes = [
        {row["address_hash"] for row in scene.rows(table).values() if "address_hash" in row}
        for table in ("subscriptions__recipients", "subscription_deliveries__recipients")
    ]
    assert set.intersection(*hashes)
    assert {len(one) for one in set.union(*hashes)} == {64}
