"""What must hold after every step, whatever it was; each law is a function that raises AssertionError."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from pipelines.sync.outcome import Outcome
from tests.harness.differences import differing
from tests.harness.expected import IMMORTAL, Row, Tables
from tests.model.moment import STREAMS, Key, Moment, family, parents_of, scope_of_row
from tests.model.step import Step

FUSE = (20, 0.2)
ADMIN = 8
PLACES = ("watermark", "open_floor", "last_walk_at", "last_complete_at", "moved")
EXITS = {"ok": 0, "partial": 1, "failed": 1, "refused": 3}


def no_death_is_invented(step: Step) -> None:
    """A row that was there all the time dies by a person's word alone, and then only if the key cannot see it."""
    for table, key, _, scope in step.died():
        assert table not in IMMORTAL, f"{table} {key} died"
        if step.lives(table, key):
            hidden = key not in step.sees.get(table, {}) or step.drops(table, scope)
            assert step.order.accept_deletes, f"{table} {key} died, and it was there all the time"
            assert hidden, f"{table} {key} died by a person's word, and the key sees it"


def deaths_are_proven(step: Step) -> None:
    """A row that is gone dies by a complete reading under the same key, not too suddenly, or with its parent."""
    missed = [
        (scope, key)
        for table, key, row, scope in step.died()
        if not step.told(table, key)
        and not any(step.after.dead(*parent) for parent in parents_of(table, row))
    ]
    for scope, found in groupby(sorted(missed, key=lambda pair: pair[0]), lambda pair: pair[0]):
        keys = [key for _, key in found]
        assert step.proven(scope), f"{keys[:3]} died by a reading of {scope} that is not complete"
        if not step.order.accept_deletes:
            _not_too_sudden(step, scope, keys)


def _not_too_sudden(step: Step, scope: str, keys: list[Key]) -> None:
    before, after = step.before.paths(scope), step.after.paths(scope)
    known = {path["fingerprint"] for path in before} - {None}
    now = {path["fingerprint"] for path in after}
    assert known <= now, f"{keys[:3]} of {scope} died under another key"
    fresh = [key for key in keys if _row_key(key) not in step.before.held(scope)]
    table = after[0]["table_name"]
    listed = any(scope_of_row(table, row) == scope for row in step.there[table].values())
    if fresh and step.still:
        known_empty = before and not any(path["rows"] for path in before)
        assert listed or known_empty, f"{fresh[:3]} died when {scope} was empty all at once"
    most = max(FUSE[0], FUSE[1] * len(step.before.living(table, scope)))
    assert len(fresh) <= most, f"{len(fresh)} rows of {scope} died at once"


def _row_key(key: Key) -> str:
    return json.dumps([str(part) for part in key], separators=(",", ":"), ensure_ascii=False)


def nothing_goes_back(step: Step) -> None:
    """Rows stay, none is overwritten by an older run, and positions never lead what they stand for."""
    for table, stamps in step.before.stamps.items():
        for key, (synced, deleted) in stamps.items():
            if key not in step.after.stamps[table] and _was_torn_off(step.before, table, key):
                continue
            assert key in step.after.stamps[table], f"{table} {key} is no longer stored"
            later, still_dead = step.after.stamps[table][key]
            assert later >= synced, f"{table} {key} was overwritten by an older run"
            if family(table) and deleted and still_dead:
                assert deleted == still_dead, f"{table} {key} died twice"
    _positions_follow(step.before, step.after)


def _was_torn_off(before: Moment, table: str, key: Key) -> bool:
    """Whether a row was below a row that was not stored: a load that was killed between the two left it."""
    name, _, child = table.partition("__")
    parents = [(name, key[:-1])] if child else parents_of(table, before.rows[table][key])
    return any(
        parent not in before.rows.get(above, {}) or _was_torn_off(before, above, parent)
        for above, parent in parents
    )


def _is_stored_anew(before: Moment, after: Moment, table: str) -> bool:
    """Whether a table is, or was until now, half stored under other privacy settings."""
    said = [
        {row["key"]: row["value"] for row in moment.books.get("_hogsync_meta", ())}.get(f"privacy of {table}")
        for moment in (before, after)
    ]
    return "" in said or said[0] != said[1]


def _positions_follow(before: Moment, after: Moment) -> None:
    runs = {run["started_at"] for run in after.books.get("_hogsync_runs", ())}
    paths = {path["path"]: path for path in after.books.get("_hogsync_paths", ())}
    for path in before.books.get("_hogsync_paths", ()):
        now = paths[path["path"]]
        for mark in ("watermark", "last_walk_at", "last_complete_at"):
            if now[mark] is None and _is_stored_anew(before, after, path["table_name"]):
                continue  # all of the list is to be read again
            assert path[mark] is None or (now[mark] and now[mark] >= path[mark]), (
                f"{mark} of {path['path']} went back from {path[mark]} to {now[mark]}"
            )
    for path in paths.values():
        if path["last_walk_at"]:  # else only whose key saw its rows is noted
            assert path["last_walk_at"] in runs, f"{path['path']} was read by a run that is not recorded"
        table, scope = path["table_name"], path["path"].partition("?")[0]
        if path["watermark"]:
            rows = (row for row in after.rows[table].values() if scope_of_row(table, row) == scope)
            newest = max(row["created_at"] for row in rows)
            assert path["watermark"] <= newest, f"the watermark of {path['path']} leads"


def the_record_agrees(step: Step) -> None:
    """Exit code, outcome and run records say the same, and what they say stands in the warehouse."""
    runs = {run["run_id"]: run for run in step.after.books.get("_hogsync_runs", ())}
    known = {run["run_id"] for run in step.before.books.get("_hogsync_runs", ())}
    if step.outcome is None:
        assert _as_it_was(step), "a run that could not read changed rows"
        recorded = step.error.run if step.error else None
        new = [runs[run]["status"] for run in runs if run not in known]
        assert new == ([recorded.status] if recorded else []), f"{step.error} was recorded as {new}"
    elif step.order.dry_run:
        assert step.before == step.after, "a dry run wrote something"
    else:
        outcome = step.outcome
        assert runs.keys() - known == {outcome.run.run_id}
        run = runs[outcome.run.run_id]
        said = (outcome.run.status, outcome.run.started_at, outcome.run.error)
        assert (run["status"], run["started_at"], run["error"]) == said
        assert outcome.exit_code == EXITS[outcome.run.status]
        assert outcome.exit_code in {0, 3} or any(one.status == "failed" for one in outcome.tables)
        _counts_agree(step, outcome)


def _as_it_was(step: Step) -> bool:
    """Whether all rows are as before, apart from values that new privacy settings refuse.

    hogsync empties refused values before it asks PostHog anything, so that no fault of PostHog's keeps them stored.
    """
    before, after = step.before.rows, step.after.rows
    if step.before.privacy() == step.after.privacy():
        return before == after
    return before.keys() == after.keys() and all(
        before[table].keys() == after[table].keys()
        and all(
            row.items() <= before[table][key].items() or "__" in table for key, row in after[table].items()
        )
        for table in after
    )


def _counts_agree(step: Step, outcome: Outcome) -> None:
    books = {
        row["table_name"]: row
        for row in step.after.books["_hogsync_run_tables"]
        if row["run_id"] == outcome.run.run_id
    }
    assert books.keys() == {result.table for result in outcome.tables}
    for result in outcome.tables:
        book, counts = books[result.table], result.counts
        told = {"status": result.status, "complete": result.complete, "deletes_held": result.deletes_held}
        told |= {"inserted": counts.inserted, "updated": counts.updated, "deleted": counts.deleted}
        assert told == {name: book[name] for name in told}, f"{result.table} is recorded differently"
        found = _written(step, result.table)
        said = (counts.inserted, counts.updated, counts.deleted)
        assert said == found, f"{result.table}: {said} are told to be new, changed and gone, {found} are"
        if result.status == "unchanged":
            assert not any(found), f"{result.table} is told to be unchanged"


def _written(step: Step, table: str) -> tuple[int, int, int]:
    """Rows that are new, changed and gone by this run, as the warehouse shows it."""
    before, after = step.before.stamps.get(table, {}), step.after.stamps.get(table, {})
    mine = {key for key, (synced, _) in after.items() if synced == step.started}
    new = mine - before.keys()
    gone = {key for key in mine & before.keys() if after[key][1] and not before[key][1]}
    return len(new), len(mine - new - gone), len(gone)


def what_is_complete_is_equal(step: Step) -> None:
    """A list that is said to be read completely is stored as the key sees it; what lives beside that is held."""
    if step.outcome is None or step.order.dry_run or not step.still:
        return
    for path in step.after.books["_hogsync_paths"]:
        table, scope = path["table_name"], path["path"].partition("?")[0]
        if table == "property_definitions":
            scope = path["path"]
        lists = step.after.paths(scope)
        if not step.proven(scope) or any(one["gap"] for one in lists):
            continue
        want = {k: row for k, row in step.sees.get(table, {}).items() if scope_of_row(table, row) == scope}
        for key, row in want.items():
            _stored_so(step, table, key, row)
        if table not in IMMORTAL:
            more = [key for key in step.after.living(table, scope) if key not in want]
            held = sum(one["held"] for one in lists)
            never = len(_never_stored(step.after, table, scope))
            assert len(more) <= held <= len(more) + never, f"{scope}: {held} deletes are held, {more} live on"


def _never_stored(moment: Moment, table: str, scope: str) -> set[Key]:
    """Rows of a scope that a torn load has left below, without the row itself."""
    lists = (name for name in moment.rows if name.startswith(f"{table}__"))
    keys = {
        key[:-1]
        for name in lists
        for key, row in moment.rows[name].items()
        if scope_of_row(name, row) == scope
    }
    for below, rows in moment.rows.items():
        for row in rows.values() if family(below) else ():
            keys |= {key for parent, key in parents_of(below, row) if parent == table}
    return keys - moment.rows.get(table, {}).keys()


def _stored_so(step: Step, table: str, key: Key, row: Row) -> None:
    have = step.after.rows[table].get(key)
    assert have is not None, f"{table} {key} lacks, and its list is said to be complete"
    assert have["dead"] == row["dead"], f"{table} {key} is {'dead' if have['dead'] else 'alive'}"
    if step.plain:
        wrong = differing(row, have)
        assert not wrong, f"{table} {key}, whose list is said to be complete: {wrong}"


def a_backfill_ends_nothing_and_moves_no_place(step: Step) -> None:
    """What a backfill does not meet lives on, and the next sync goes on from where it was, or reads all."""
    if not (step.order.since and step.outcome):
        return
    assert not [(table, key) for table, key, *_ in step.died() if not step.told(table, key)]
    before = {path["path"]: path for path in step.before.books.get("_hogsync_paths", ())}
    for path in step.after.books.get("_hogsync_paths", ()):
        now, was = ([one.get(name) for name in PLACES] for one in (path, before.get(path["path"], {})))
        forgotten = not any(now) and _is_stored_anew(step.before, step.after, path["table_name"])
        assert now == was or forgotten, f"a backfill moved {path['path']} from {was} to {now}"


def no_list_suffers_for_another(step: Step) -> None:
    """What is neither spoilt nor below something spoilt is read in the same run, and said to be complete."""
    if (
        step.outcome is None
        or step.outcome.run.error
        or step.order.dry_run
        or not step.still
        or not step.wide
        or step.order.since
    ):
        return
    spared = {result.table for result in step.outcome.tables if result.skipped}
    for table, scope in reachable(step):
        if table in spared:
            continue
        paths = step.after.paths(scope)
        assert paths, f"{scope} was not read"
        assert all(path["last_walk_at"] == step.started for path in paths), f"{scope} was not read"
    hit = {table for table in step.order.wanted if any(t.table == table or t.address for t in step.troubles)}
    gaps = {path["table_name"] for path in step.before.books.get("_hogsync_paths", ()) if path["gap"]}
    resumed = {
        one.list_path.endpoint.table
        for result in step.outcome.tables
        for one in result.lists
        if one.last.resumed_pages
    }
    for result in step.outcome.tables:
        if not hit and not step.troubles and result.table not in {*STREAMS, *gaps, *resumed, "people"}:
            assert result.complete, f"{result.table}: {result.detail}"


def reachable(step: Step) -> Iterator[tuple[str, str]]:
    """The lists that nothing keeps from being read: table and scope."""
    sees, order, wanted = step.sees, step.order, step.order.wanted

    def good(table: str, scope: str) -> Iterator[tuple[str, str]]:
        if table in wanted and not step.troubled(table, scope):
            yield table, scope

    if step.troubled("key", "personal_api_keys/@current/"):
        return
    yield from good("users", "users/")
    for _ in good("organizations", "organizations/"):
        for (organization,), row in sees["organizations"].items():
            base = f"organizations/{organization}/"
            yield from good("organization_members", f"{base}members/")
            if row["membership_level"] >= ADMIN:
                yield from good("organization_activity_logs", f"{base}advanced_activity_logs/")
            for found in good("projects", f"{base}projects/"):
                yield found
                for project in _projects(sees, organization, order.projects):
                    yield from _below(sees, project, good)


def _projects(sees: Tables, organization: str, chosen: tuple[int, ...]) -> list[int]:
    rows = [row["id"] for row in sees["projects"].values() if row["organization_id"] == organization]
    return [project for project in rows if not chosen or project in chosen]


def _below(sees: Tables, project: int, good: Any) -> Iterator[tuple[str, str]]:
    base = f"projects/{project}/"
    for table in ("cohorts", "comments", "event_definitions"):
        yield from good(table, f"{base}{table}/")
    for kind in ("event", "person", "session"):
        yield from good("property_definitions", f"{base}property_definitions/?type={kind}")
    for found in good("subscriptions", f"{base}subscriptions/"):
        yield found
        for at, subscription in sees["subscriptions"]:
            if at == project:
                yield from good("subscription_deliveries", f"{base}subscriptions/{subscription}/deliveries/")
    for found in good("group_types", f"{base}groups_types/"):
        yield found
        for at, index in sees["group_types"]:
            if at == project:
                kind = f"type=group&group_type_index={index}"
                yield from good("property_definitions", f"{base}property_definitions/?{kind}")


def it_costs_what_it_says(step: Step) -> None:
    """The requests that are told are those that PostHog saw."""
    if step.outcome is not None:
        assert step.outcome.requests == step.requests


def nothing_leaks(step: Step) -> None:
    """No credential in what is stored or said."""
    for said in (step.after.rows, step.after.books, step.outcome, step.error):
        assert "canarysecret" not in repr(said), "a secret"


def versions_are_true(step: Step) -> None:
    """A living row has one living version that says the same, a dead one none; versions follow without a gap."""
    assert not step.after.wrong_versions, step.after.wrong_versions


def agree(want: Tables, have: Tables) -> Iterator[str]:
    """How a warehouse differs from what there is: rows that lack, differ, or live on although they are gone."""
    for table in sorted({*want, *have}):
        listed, stored = want.get(table, {}), have.get(table, {})
        for key, row in listed.items():
            if key not in stored:
                yield f"{table} lacks {key}"
            elif wrong := differing(row, stored[key]):
                yield f"{table} {key}: {wrong}"
        for key, row in stored.items():
            if key not in listed and not row["dead"] and table not in IMMORTAL and _reached(row, want):
                yield f"{table} {key} lives on and is gone"


def _reached(row: Row, want: Tables) -> bool:
    """Whether a row's project and organization are still listed."""
    project = (row["project_id"],) if "project_id" in row else None
    organization = (row["organization_id"],) if "organization_id" in row else None
    return (project is None or project in want["projects"]) and (
        organization is None or organization in want["organizations"]
    )


FOR_ALL = (no_death_is_invented, nothing_goes_back, versions_are_true, nothing_leaks)
"""Laws for whatever happened, a kill too."""
FOR_ENDED = (
    deaths_are_proven,
    the_record_agrees,
    what_is_complete_is_equal,
    a_backfill_ends_nothing_and_moves_no_place,
    no_list_suffers_for_another,
    it_costs_what_it_says,
)
"""Laws for a sync that ended by itself."""
