"""Rules of histories and trends: that no version is lost, doubled or made up."""

from tests.mutation.mutation import Mutation

TESTS = "pipelines/sync/test_history.py::test_"
KILLED = f"{TESTS}a_version_that_was_loaded_is_not_lost_by_a_kill_before_it_was_derived[duckdb]"
OLDER = (
    "pipelines/warehouse/test_postgres_types.py::"
    "test_a_dataset_of_an_older_hogsync_gets_its_keys_and_jsonb_and_no_version_more"
)
BEGINNINGS = "pipelines/diff/test_history_start.py::test_"
DEATHS = "pipelines/sync/test_history_of_deleted_rows.py::test_"
UNDERIVABLE = "pipelines/sync/test_derived_tables.py::test_"
LIFE = f"{TESTS}a_life_in_versions[duckdb]"

VERSION_RULES = (
    Mutation(
        "a history is said to be behind before rows are loaded",
        ", **derivation.blanked()",
        "",
        (KILLED,),
    ),
    Mutation(
        "histories catch up before rows are loaded over what they lack",
        "    derivation.derive_backlog()\n",
        "",
        (KILLED,),
    ),
    Mutation(
        "rows of torn loads are no versions",
        "return Rows(f\"t._dlt_load_id in {loads} and {whole}{''.join(uncommitted)}\")",
        "return Rows(f\"true{''.join(uncommitted)}\")",
        (f"{TESTS}a_row_that_a_torn_load_left_has_no_version_until_a_load_that_ends_writes_it",),
    ),
    Mutation(
        "rows with torn children are no versions",
        "return Rows(f\"t._dlt_load_id in {loads} and {whole}{''.join(uncommitted)}\")",
        'return Rows(f"t._dlt_load_id in {loads}")',
        (f"{TESTS}a_row_whose_list_a_torn_load_left_is_not_taken_for_a_version",),
    ),
    Mutation(
        "a history without a row's key is made anew",
        "return needed <= there.get(one.target, {}).keys()",
        "return True",
        (f"{TESTS}a_history_that_somebody_dropped_begins_anew_with_what_is_there",),
    ),
    Mutation(
        "a JSON column of another type than its history's makes no version",
        'json_text = "::jsonb::varchar"',
        'json_text = "::varchar"',
        (OLDER,),
    ),
    Mutation(
        "what moves by itself makes no version",
        "volatile=frozenset(name for name in types if name.removesuffix(VARIANT) in endpoint.volatile),",
        "volatile=frozenset(),",
        (LIFE,),
    ),
    Mutation(
        "a changed list makes a version",
        'pairs += [(f"{quoted(name)}.items", f"o.{quoted(name)}", "json") for name in self.lists]',
        "",
        (LIFE,),
    ),
    Mutation(
        "a version begins after the one that it follows",
        "greatest(t._synced_at, p.latest + interval '1 microsecond')",
        "t._synced_at",
        (f"{TESTS}a_clock_that_went_back_breaks_no_order",),
    ),
    Mutation(
        "a version ends when the next begins",
        "warehouse.execute(self._closing(warehouse, rows))",
        "pass",
        (LIFE,),
    ),
    Mutation(
        "what left a list before its row died stays apart from it",
        "when e._last then p.deleted_at else e._deleted_at end",
        "else p.deleted_at end",
        (f"{DEATHS}what_had_left_the_list_before_is_not_in_it[duckdb]",),
    ),
    Mutation(
        "a list that a torn load ended dies with its row",
        "when e._last then p.deleted_at else e._deleted_at end",
        "else coalesce(e._deleted_at, p.deleted_at) end",
        (f"{DEATHS}a_list_that_a_killed_load_ended_before_its_row_is_that_rows_when_it_dies[duckdb]",),
    ),
    Mutation(
        "what a row lost as it died is no part of its death",
        "p.deleted_at - interval 1 microsecond",
        "p.deleted_at",
        (f"{DEATHS}a_list_that_shrinks_with_its_rows_death_is_what_posthog_says_of_the_dead[duckdb]",),
    ),
    Mutation(
        "what cannot be derived fails neither rows nor records",
        ("            self.extraction.results[one.source].data_warnings.append(trouble)\n"),
        (
            "            self.extraction.results[one.source].data_warnings.append(trouble)\n            raise\n"
        ),
        (f"{UNDERIVABLE}what_was_not_derived_while_a_type_did_not_fit_is_derived_later[duckdb]",),
    ),
    Mutation(
        "a history that could not be written stays behind",
        "            self.troubles[one.target] = trouble\n",
        (
            '            write_meta(self.warehouse, {derived_until_key(one.target): "never"})\n'
            "            self.troubles[one.target] = trouble\n"
        ),
        (f"{UNDERIVABLE}what_was_not_derived_while_a_type_did_not_fit_is_derived_later[duckdb]",),
    ),
    Mutation(
        "a run that could not derive all says so",
        'if problems and status == "ok":',
        "if False:",
        (f"{UNDERIVABLE}what_was_not_derived_while_a_type_did_not_fit_is_derived_later[duckdb]",),
    ),
    Mutation(
        "what a history finds at its beginning begins together",
        "if begins else next_time",
        "if False else next_time",
        (f"{BEGINNINGS}a_history_that_begins_late_begins_as_a_whole",),
    ),
    Mutation(
        "a history that was dropped has another beginning",
        'beginning = {history_since_key(one.target): "" for one in behind if self._begins(one)}',
        "beginning: dict[str, str] = {}",
        (f"{BEGINNINGS}a_kill_before_a_dropped_history_is_derived_again_leaves_no_former_beginning[duckdb]",),
    ),
    Mutation(
        "what a list held when it was first known is not told as added",
        "first > moment and not begun.found(then, first)",
        "first > moment",
        (f"{BEGINNINGS}a_project_that_is_read_later",),
    ),
    Mutation(
        "a row is of those of its table's lists that ask for what it is",
        "if all(str(row[name]).lower() == asked[name].lower() for name in asked.keys() & row.keys()):",
        "if asked is not None:",
        (f"{BEGINNINGS}a_row_that_comes_is_told_while_another_list_of_its_table_is_not_known_yet",),
    ),
    Mutation(
        "a list is known as a whole from the first time on",
        "before.first_complete_at or before.last_complete_at or options.started",
        "options.started",
        (f"{BEGINNINGS}a_project_that_is_read_later",),
    ),
    Mutation(
        "a derived table and what is said of it are one transaction",
        ("with self._troubled_by(one), self.warehouse.transaction():\n            if not"),
        ("with self._troubled_by(one):\n            if not"),
        (KILLED,),
    ),
)
