"""Rules of what somebody took out of a warehouse: that it comes back, and that nothing is told that did not happen."""

from tests.mutation.mutation import Mutation

LOST = "pipelines/sync/test_dropped.py::test_"
ALONE = "destinations/test_history.py::test_"
MEANWHILE = f"{LOST}what_a_list_that_fails_meanwhile_has_lost_comes_back_later_and_makes_no_version"
UNSEEN = f"{LOST}of_a_lost_table_nothing_dies_that_was_not_looked_for_by_the_key_that_saw_it"
ANEW = f"{LOST}a_lost_table_is_read_anew_and_its_history_tells_what_happened_meanwhile[duckdb]"

EMPTIED, REFUSED = "pipelines/sync/test_emptied.py::test_", "pipelines/sync/test_refused_table.py::test_"

LOST_RULES = (
    Mutation(
        "rows that lost a column are written again, whichever run reads them",
        "    mark_incomplete(warehouse, extraction, existing)\n",
        "",
        (MEANWHILE,),
    ),
    Mutation(
        "rows whose list was dropped are written again with it",
        "for name in (target.table, target.parent)",
        "for name in (target.table,)",
        (MEANWHILE,),
    ),
    Mutation(
        "a living row that lacks a value makes no version",
        "\"(t._row_hash <> '' or t._deleted_at is not null)\"",
        '"true"',
        (f"{ALONE}a_living_row_that_waits_to_be_written_again_is_no_version[duckdb]",),
    ),
    Mutation(
        "items of a list do not outlive the table of their rows",
        'warehouse.alter_table(target.table, f"truncate table {warehouse.name(target.table)}")',
        "pass",
        (ANEW,),
    ),
    Mutation(
        "what went with a dropped table dies in its history",
        "        self._end_missing(there)\n",
        "",
        (ANEW,),
    ),
    Mutation(
        "only a complete reading tells what went with a dropped table",
        "            and is_whole(self.reader, read)\n",
        "",
        (UNSEEN,),
    ),
    Mutation(
        "only the key that saw rows tells that they went with a dropped table",
        "return all(one.is_same_key for one in read.lists) and (",
        "return (",
        (UNSEEN,),
    ),
    Mutation(
        "only in lists that are known as a whole a row without its row in the table is dead",
        '{f"and ({own}) in ({values})" if own else ""}',
        "",
        (f"{ALONE}what_is_not_in_its_table_dies_in_those_scopes_that_are_known_as_a_whole[duckdb]",),
    ),
    Mutation(
        "a history whose versions cannot be told begins anew",
        'self.warehouse.alter_table(one.target, f"truncate table {self.warehouse.name(one.target)}")',
        "pass",
        (f"{LOST}a_history_that_lost_its_table_or_what_tells_its_versions_begins_anew_with_one_warning",),
    ),
    Mutation(
        "a history's column comes back with its values",
        "one.fill(self.warehouse, lost)",
        "return {}",
        (f"{LOST}what_a_history_has_lost_of_its_rows_is_filled_for_what_lives",),
    ),
    Mutation(
        "a history's column comes back with its values at once",
        "warehouse.alter_table(self.target, *add, self._filling(warehouse, lost))",
        "warehouse.alter_table(self.target, *add); self.restate(warehouse, lost)",
        (f"{LOST}a_kill_while_dropped_columns_are_filled_makes_no_version",),
    ),
    Mutation(
        "a history that lags waits for the values of a lost column",
        "return not self._is_up_to_date(one) and bool(self._lost(one, self.state.tables))",
        "return False",
        (f"{LOST}a_kill_while_dropped_columns_are_filled_makes_no_version",),
    ),
    Mutation(
        "a field that only a killed run had is no lost column",
        "before.columns(one.source).keys() - news}",
        "before.columns(one.source).keys()}",
        (f"{LOST}a_field_that_came_is_no_lost_column[with a run that died]",),
    ),
    Mutation(
        "a column that no load has had is no lost one",
        (
            "had = {here for name, here in one.named.items() if name in before.columns(one.source).keys() - "
            "news}"
        ),
        "had = {here for name, here in one.named.items() if name not in news}",
        (f"{REFUSED}a_table_that_cannot_be_altered_fails_by_name_and_the_others_are_loaded[in use]",),
    ),
    Mutation(
        "a field that is news is no lost column",
        "noted = (before.made or {}).get(one.target, frozenset())",
        "noted = one.columns.keys()",
        (f"{LOST}a_field_that_came_is_no_lost_column[while a history was off]",),
    ),
    Mutation(
        "a table that was emptied is read in full",
        "self._intact() and not any(map(stored.lost_rows, tables))",
        "self._intact()",
        (f"{EMPTIED}whatever_was_emptied_is_filled_again_and_then_costs_nothing",),
    ),
    Mutation(
        "rows whose list lost items are written again, whichever run reads them",
        "(bool(target.child) and known.lost_rows(target.table))",
        "False",
        (f"{EMPTIED}what_a_failing_list_had_comes_back_later[cohorts__experiment_set]",),
    ),
    Mutation(
        "people who were taken away come back with every list",
        "people_lost = state.lost_rows(PEOPLE.table)",
        "people_lost = False",
        (f"{EMPTIED}whatever_was_emptied_is_filled_again_and_then_costs_nothing",),
    ),
    Mutation(
        "a dead row of a load that was cut off is written again",
        'was_deleted = "deleted_at is not null and committed"',
        'was_deleted = "deleted_at is not null"',
        (f"{LOST}a_row_that_goes_with_a_lost_column_dies_and_the_dead_stay_as_they_were",),
    ),
    Mutation(
        "memory that a history lacks is not blamed on its table",
        ("        except DatabaseOutOfMemory:\n            raise"),
        ("        except ZeroDivisionError:\n            raise"),
        (
            "pipelines/sync/test_derived_tables.py::test_memory_that_a_history_lacks_is_nobodys_table_to_rename",
        ),
        within="Derivation._troubled_by",
    ),
)
