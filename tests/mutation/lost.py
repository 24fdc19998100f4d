"""Rules of what somebody took out of a warehouse: that it comes back, and that no death is told by halves."""

from tests.mutation.mutation import Mutation

LOSSES, FOLLOWING = "pipelines/losses.py", "pipelines/history.py"
REMEMBERED = "pipelines/remembered.py"
DEATHS = "pipelines/test_losses_deaths.py::test_"
KILLED = "pipelines/test_losses.py::test_a_kill_after_a_lost_column_came_back_and_"
STREAMS, KEYS = "pipelines/test_sync_streams.py::test_", "pipelines/test_sync_keys.py::test_"
HELD, WALK = f"{STREAMS}a_death_that_is_held_for_another_key_is_looked_for_once", "sources/posthog/walk.py"
SPANS = "pipelines/test_losses_versions.py::test_"

EMPTIED = "pipelines/test_emptied.py::test_"

LOST_RULES = (
    Mutation(
        "a table that was emptied is read in full",
        "sources/posthog/stock.py",
        "self._intact() and not any(map(known.lost_rows, tables))",
        "self._intact()",
        (f"{EMPTIED}whatever_was_emptied_is_filled_again_and_then_costs_nothing[duckdb]",),
    ),
    Mutation(
        "rows whose list lost items are written again, whichever run reads them",
        LOSSES,
        "emptied = bool(outline.child) and reading.known.lost_rows(outline.table)",
        "emptied = False",
        (f"{EMPTIED}what_a_failing_list_had_comes_back_later[cohorts__experiment_set]",),
    ),
    Mutation(
        "people who were taken away come back with every list",
        REMEMBERED,
        "people = known.lost_rows(PEOPLE.table)",
        "people = False",
        (f"{EMPTIED}whatever_was_emptied_is_filled_again_and_then_costs_nothing[duckdb]",),
    ),
    Mutation(
        "a list whose table was dropped is known before its row dies",
        LOSSES,
        "for one in _lost_lists(memory, table, settings).items()]",
        "for one in ()]",
        (f"{DEATHS}a_row_that_dies_as_its_lost_list_is_made_anew_dies_with_the_list_that_it_had[duckdb]",),
    ),
    Mutation(
        "rows whose lost list comes from a history that lags are written again",
        LOSSES,
        "warehouse.execute(f\"update {source} set _dlt_load_id = '{LOST}'\")",
        "pass",
        (f"{DEATHS}a_lost_list_of_which_the_history_knows_nothing_comes_from_posthog[duckdb]",),
    ),
    Mutation(
        "a lost list's table is made and filled at once",
        LOSSES,
        "    with warehouse.transaction():\n        warehouse.ensure(child",
        "    if True:\n        warehouse.ensure(child",
        (f"{DEATHS}a_kill_while_a_lost_list_is_made_anew_forgets_nothing_of_it[duckdb]",),
    ),
    Mutation(
        "a list that may be stored no more does not come back",
        LOSSES,
        "if name in kept and name in shape.child_columns}",
        "if True}",
        (f"{DEATHS}a_list_that_may_be_stored_no_more_does_not_come_back_from_a_history[duckdb]",),
    ),
    Mutation(
        "what older settings stored of the dead does not come back",
        LOSSES,
        'memory.meta.get(f"{PRIVACY}{table}{EVER}")',
        'memory.meta.get(f"{PRIVACY}{table}")',
        (
            f"{DEATHS}what_older_settings_stored_of_the_dead_does_not_come_back[duckdb-before]",
            f"{DEATHS}addresses_of_the_dead_do_not_come_back_as_settings_of_old_stored_them[duckdb-before]",
        ),
    ),
    Mutation(
        "a dataset that was once stored under other settings never forgets it",
        REMEMBERED,
        "privacy * (_ever(known, t, privacy) == privacy)",
        "privacy",
        (f"{DEATHS}what_older_settings_stored_of_the_dead_does_not_come_back[duckdb-with the change]",),
    ),
    Mutation(
        "what a dataset does not say of its settings is not supposed",
        REMEMBERED,
        'known.meta.get(f"{PRIVACY}{table}{EVER}", "")',
        'known.meta.get(f"{PRIVACY}{table}{EVER}", privacy)',
        (
            f"{DEATHS}of_the_dead_of_a_dataset_that_does_not_say_how_they_were_stored_only_what_is_kept_comes_back[duckdb]",
        ),
    ),
    Mutation(
        "a lost table's columns are those that its history calls so",
        LOSSES,
        "names = named(made, _shape(endpoint, settings).child_columns)",
        'names = {n: f"{n}__own" if f"{n}__own" in there else n for n in made}',
        (
            "pipelines/test_losses_names.py::test_a_users_own_column_of_a_history_is_no_column_of_its_table[duckdb]",
        ),
    ),
    Mutation(
        "a field that a history calls otherwise comes back as itself",
        LOSSES,
        "names = named(made, _shape(endpoint, settings).child_columns)",
        "names = {name: name for name in made}",
        (
            "pipelines/test_losses_names.py::test_a_field_that_a_history_calls_otherwise_comes_back_as_itself[duckdb]",
        ),
    ),
    Mutation(
        "what had died comes back with its table",
        LOSSES,
        'f"from {latest(warehouse, endpoint.history, endpoint.key)} h"',
        'f"from {warehouse.name(endpoint.history)} h where h.valid_to is null"',
        (f"{DEATHS}rows_that_had_died_come_back_to_a_lost_table_as_dead[duckdb-dropped]",),
    ),
    Mutation(
        "what had died comes back as dead",
        LOSSES,
        "select {values}, h.valid_from, h.valid_to, ''",
        "select {values}, h.valid_from, null::timestamptz, ''",
        (f"{DEATHS}rows_that_had_died_come_back_to_a_lost_table_as_dead[duckdb-dropped]",),
    ),
    Mutation(
        "a lost table comes back from a history whose column has another type",
        LOSSES,
        '"h.{quoted(here)}::{warehouse.types[columns[name]]}"',
        '"h.{quoted(here)}"',
        (
            "pipelines/test_losses_rights.py::test_a_lost_table_comes_back_from_a_history_whose_column_has_another_type[postgres]",
        ),
    ),
    Mutation(
        "what came back as dead is written again, and believed",
        "sources/posthog/changes.py",
        'dead = "deleted_at is not null and sound"',
        'dead = "deleted_at is not null"',
        ("pipelines/test_losses_costs.py::test_the_dead_of_lost_tables_are_looked_for_once[duckdb-tables]",),
    ),
    Mutation(
        "memory that a history lacks is not blamed on its table",
        FOLLOWING,
        "        except NoMemory:\n            raise",
        "        except ZeroDivisionError:\n            raise",
        ("pipelines/test_underivable.py::test_memory_that_a_history_lacks_is_nobodys_table_to_rename",),
    ),
    Mutation(
        "a history's lost ends are derived before anything goes by them",
        REMEMBERED,
        "if mend_versions(memory, versioned) else memory",
        "if False else memory",
        (
            f"{SPANS}what_a_history_has_lost_of_its_versions_spans_is_derived_anew[duckdb-with the table-valid_to]",
        ),
    ),
    Mutation(
        "a history without its spans gets no version",
        FOLLOWING,
        "self._derive_spans(one, existing)",
        "pass",
        (f"{SPANS}a_history_that_has_lost_both_is_left_alone_until_somebody_drops_it[duckdb]",),
    ),
    Mutation(
        "what follows a version that is no death is no insert",
        "destinations/history.py",
        "lag(coalesce(valid_to = valid_from, false), 1, true) over versions",
        "coalesce(lag(valid_to = valid_from) over versions, true)",
        (f"{SPANS}what_follows_a_version_that_is_no_death_is_told_as_an_update[duckdb-one without its end]",),
    ),
    Mutation(
        "a history's lost ends come back with their times at once",
        "destinations/history.py",
        "        warehouse.addition(history, lost, warehouse.types[VERSION[lost]]),\n",
        "        warehouse.addition(history, lost, warehouse.types[VERSION[lost]])); warehouse.redefine(history,\n",
        (f"{SPANS}a_kill_while_spans_are_derived_anew_leaves_none_without_an_end[duckdb]",),
    ),
    Mutation(
        "a history's lost column comes back with its values after loading, too",
        "destinations/history.py",
        "warehouse.redefine(self.target, *columns, additions,",
        "warehouse.redefine(self.target, *columns); warehouse.redefine(self.target, additions,",
        (f"{KILLED}before_the_run_is_recorded_makes_no_version[duckdb]",),
    ),
    Mutation(
        "what another key has not met is not looked for in every run",
        LOSSES,
        "held = listed.held > 0 and not listed.held_keys",
        "held = False",
        (f"{HELD}[subscription_deliveries-change_summary-column dropped]",),
    ),
    Mutation(
        "a list's count without what is held for another key is no news",
        WALK,
        "return None if count in (expected, expected - unseen) else count",
        "return None if count == expected else count",
        (f"{HELD}[comments-content-known]",),
    ),
    Mutation(
        "a full walk of another key is none that is due",
        WALK,
        "return replace(before, rows=rows, held=listed.held, last_complete_at=self.rules.started)",
        "return replace(before, rows=rows, held=listed.held)",
        (f"{HELD}[comments-content-known]",),
    ),
    Mutation(
        "what another key has not met is looked for when the key that saw it is back",
        "sources/posthog/plans.py",
        "if back or _due(endpoint, known, rules)",
        "if _due(endpoint, known, rules)",
        (f"{KEYS}a_key_that_is_back_tells_at_once_of_what_another_did_not_meet[listed]",),
    ),
)
