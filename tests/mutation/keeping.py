"""Rules of asking, keeping and writing: what leaves, what is stored, what a warehouse may be told."""

from tests.mutation.mutation import Mutation

SHAPES = "sources/posthog/shape/test_row_shape.py::test_"
STRICTER = "pipelines/sync/test_privacy_rewrite.py::test_"
KILLED = "whole/test_kills_of_a_privacy_rewrite.py::test_"
CARRIED = "sources/posthog/shape/test_change_values.py::test_"
CHECKS = "pipelines/check/test_check.py::test_"
OTHERS = "pipelines/sync/test_ownership_rule.py::test_"
SERVER = "pipelines/warehouse/test_server.py::test_"
DLT = "pipelines/sync/test_dlt_configuration.py::test_"
SURROUNDINGS = "pipelines/warehouse/test_surroundings.py::test_"
LOCKS = "pipelines/warehouse/test_locks.py::test_"
OLDER = "pipelines/warehouse/test_postgres_types.py::test_a"
LATER = (
    "pipelines/sync/test_recovery.py::"
    "test_a_column_that_the_catalogue_got_later_comes_to_lists_that_its_first_run_left_out"
)
LEFT_OUT = "pipelines/sync/test_privacy.py::test_another_setting_reaches_projects_that_its_first_run_left_out"
LEAVES_NO_TRANSACTION = (
    "pipelines/query/test_query.py::test_nothing_leaves_the_transaction_of_a_query_or_writes_in_it"
)
PUBLISHED = "pipelines/readers/test_publish.py::test_"
GRANTED = "pipelines/readers/test_grant.py::test_"

KEEPING_RULES = (
    Mutation(
        "redirects are refused",
        "follow_redirects=False",
        "follow_redirects=True",
        ("sources/posthog/client/test_client.py::test_a_redirect_is_not_followed_and_names_the_right_host",),
    ),
    Mutation(
        "a path stays below /api/",
        "or not PATH.fullmatch(path):",
        ":",
        ("sources/posthog/client/test_client.py::test_a_path_cannot_lead_out_of_the_api",),
    ),
    Mutation(
        "an answer is unpacked in small steps",
        "stream.decompress(rest, PIECE)",
        "stream.decompress(rest)",
        (
            "sources/posthog/client/test_response.py::test_a_small_answer_that_unpacks_beyond_the_limit_is_refused",
        ),
    ),
    Mutation(
        "a misspelt POSTHOG_HOST does not send the key elsewhere",
        '"WAREHOUSE_"), 0.9',
        '"WAREHOUSE_"), 1.0',
        ("pipelines/settings/test_dot_env.py::test_what_is_nearly_a_setting_of_ours_is_refused",),
    ),
    Mutation(
        "what stands in single quotes in .env is literal",
        "if SINGLE_QUOTED.match(binding.original.string):",
        "if False:",
        ("pipelines/settings/test_dot_env.py::test_a_password_in_single_quotes_arrives_as_it_stands",),
    ),
    Mutation(
        "no cookie is sent back",
        "allowed_domains=[]",
        "allowed_domains=None",
        ("sources/posthog/client/test_client.py::test_cookies_of_the_server_are_not_sent_back",),
    ),
    Mutation(
        "an answer has a largest size",
        "if good and len(body) > limit:",
        "if False:",
        ("sources/posthog/client/test_response.py::test_a_page_beyond_the_limit_is_refused_at_once",),
    ),
    Mutation(
        "Retry-After is honoured",
        "wait=_retry_after(reply.headers)",
        "wait=None",
        ("sources/posthog/client/test_rate_limit.py::test_a_429_makes_every_thread_wait_to_the_second",),
    ),
    Mutation(
        "a broken answer is asked for again",
        'return "broken", self.policy.tries',
        'return "broken", 1',
        (
            "sources/posthog/client/test_response.py::test_a_broken_answer_is_asked_for_again_and_nothing_of_it_is_used",
        ),
    ),
    Mutation(
        "a refusal is believed in PostHog's words only",
        "if error and reply.status in {402, 403, 404}:",
        "if reply.status in {402, 403, 404}:",
        (
            "sources/posthog/client/test_response.py::test_a_refusal_in_other_words_is_not_believed_to_be_posthogs",
        ),
    ),
    Mutation(
        "no key over plain http",
        "not allow_http and not is_loopback(host)",
        "False",
        (
            "sources/posthog/client/test_origin.py::test_what_is_no_origin_is_one_clear_sentence_without_secrets",
        ),
    ),
    Mutation(
        "secrets by their name",
        "return is_credential_name(name) or looks_like_credential(value)",
        "return looks_like_credential(value)",
        (f"{SHAPES}what_looks_like_a_credential_never_gets_through",),
    ),
    Mutation(
        "secrets by their look",
        "return is_credential_name(name) or looks_like_credential(value)",
        "return is_credential_name(name)",
        (f"{SHAPES}what_looks_like_a_credential_never_gets_through",),
    ),
    Mutation(
        "customers' literals are dropped",
        "or (literal and self._is_dropped(name))",
        "",
        (f"{SHAPES}of_a_cohorts_filters_the_structure_stays_and_the_customers_values_go",),
    ),
    Mutation(
        "addresses in undeclared fields are hashed",
        'Field(name=column), "keep", self.policy.strictest_person_mode()',
        'Field(name=column), "keep", "keep"',
        (f"{SHAPES}of_an_address_in_a_field_that_nobody_declared_only_the_hash_is_left",),
    ),
    Mutation(
        "addresses in undeclared fields without a column are hashed",
        'Field(name=OVERFLOW_COLUMN), "keep", self.policy.strictest_person_mode()',
        'Field(name=OVERFLOW_COLUMN), "keep", "keep"',
        (f"{SHAPES}of_an_address_in_a_field_that_nobody_declared_only_the_hash_is_left",),
    ),
    Mutation(
        "a value that does not fit is stored by its own field's class",
        'if mode == "drop" or is_credential("", value):',
        'if is_credential("", value):',
        (f"{SHAPES}a_value_that_does_not_fit_is_judged_by_its_own_fields_class",),
    ),
    Mutation(
        "values in changes obey the field that they are about",
        'field if field and name in BESIDE else ""',
        '""',
        (f"{CARRIED}a_changes_values_obey_the_class_of_their_field",),
    ),
    Mutation(
        "changes of groups and persons are customer data",
        "return next((WHOLE[one] for one in models if one in WHOLE), None)",
        "return None",
        (f"{CARRIED}a_change_of_a_group_or_a_person_names_no_field_and_is_customer_data",),
    ),
    Mutation(
        "of what no model has the strictest field of the name is meant",
        "(_ANYWHERE.get(column, ()), False)",
        "((), False)",
        (f"{CARRIED}each_class_reaches_its_fields_in_changes",),
    ),
    Mutation(
        "a stricter setting empties what is stored",
        "return MODES.index(now) > MODES.index(was)",
        "return False",
        (
            "sources/posthog/shape/test_refused_columns.py::test_a_stored_column_is_refused_by_what_may_stand_in_it",
        ),
    ),
    Mutation(
        "what is dropped may not stay whatever was stored before",
        'if now.mode(table, field.name, field.privacy) == "drop":',
        "if False:",
        (
            "sources/posthog/shape/test_refused_columns.py::test_a_stored_column_is_refused_by_what_may_stand_in_it",
        ),
    ),
    Mutation(
        "items of lists that were emptied are written anew",
        "(is_list or one.table == endpoint.table)",
        "(one.table == endpoint.table)",
        (f"{KILLED}what_a_killed_run_emptied_comes_back_when_it_is_kept_again[duckdb]",),
    ),
    Mutation(
        "other privacy settings are no change of a row",
        "                self._restate(one)\n",
        "",
        (f"{STRICTER}other_privacy_settings_are_no_change_of_a_row",),
    ),
    Mutation(
        "what is emptied leaves the file",
        ("        for table in tables:\n            with self.transaction():"),
        ("        for table in ():\n            with self.transaction():"),
        (
            f"{STRICTER}addresses_that_were_kept_are_gone_from_tables_lists_histories_and_the_file[duckdb-drop]",
        ),
    ),
    Mutation(
        "no address becomes a column",
        "not has_address(name) and self.undeclared",
        "self.undeclared",
        (f"{SHAPES}a_field_named_by_an_address_gets_no_column",),
    ),
    Mutation(
        "undeclared fields get so many columns at most",
        "or len(own) < self._new_columns",
        "or True",
        (f"{SHAPES}beyond_so_many_new_columns_undeclared_fields_share_one",),
    ),
    Mutation(
        "values that do not fit are counted",
        "batch.misfits[column] += count",
        "pass",
        (f"{SHAPES}one_odd_value_leaves_the_others_of_its_column_as_they_are",),
    ),
    Mutation(
        "values that do not fit are told",
        "self.misfits.update(batch.misfits)",
        "pass",
        (
            "component/test_values.py::test_what_might_hold_an_address_but_cannot_be_read_is_not_kept_and_told",
        ),
    ),
    Mutation(
        "recipients are hashed",
        'policy.mode(endpoint.table, declared.name, "recipient")',
        '"keep"',
        (
            f"{SHAPES}recipients_become_rows_of_their_own",
            "pipelines/sync/test_privacy.py::test_no_secret_leaves_the_process_and_the_rest_goes_where_the_defaults_allow",
        ),
    ),
    Mutation(
        "a parent that a row does not name by an id is null",
        "None if value is None else CONVERT[types[n]](value)",
        "value",
        (
            "sources/posthog/extract/test_list_reader.py::test_a_project_that_names_no_organization_by_an_id_is_stored_without_one",
        ),
    ),
    Mutation(
        "a cursor that no address has room for fails its list alone",
        "except httpx.InvalidURL as error:  # by",
        "except ZeroDivisionError as error:  # by",
        (
            "sources/posthog/client/test_client.py::test_a_cursor_that_no_address_has_room_for_fails_its_list_alone",
        ),
    ),
    Mutation(
        "NUL is left out before anything is judged",
        r"""plain = NUL.sub(rb"\1", body) if rb"\u0000" in body else body""",
        "plain = body",
        (f"{SHAPES}a_null_byte_hides_no_credential_no_address_and_no_literal",),
    ),
    Mutation(
        "a backslash and a word are no NUL",
        r'NUL = re.compile(rb"((?<!\\)(?:\\\\)*)\\u0000")',
        r'NUL = re.compile(rb"()\\u0000")',
        ("sources/posthog/client/test_response.py::test_strange_values_lose_nothing_else_of_their_page",),
    ),
    Mutation(
        "lone surrogates are replaced",
        "if whole == text:",
        "if True:",
        ("sources/posthog/client/test_response.py::test_strange_values_lose_nothing_else_of_their_page",),
    ),
    Mutation(
        "integers beyond 64 bits are text",
        "-(2**63) <= value < 2**63",
        "True",
        (f"{SHAPES}a_value_that_does_not_fit_is_kept_as_text_beside_its_column",),
    ),
    Mutation(
        "what a poorer source does not send of a person stays",
        "shape.fill_from_stored(batch, [before.get(identifier, {}) for identifier in met])",
        "pass",
        ("component/test_unproven.py::test_what_a_poorer_source_does_not_send_of_a_person_stays",),
    ),
    Mutation(
        "a dataset belongs to one PostHog",
        'if origin != expected["origin"]:',
        "if False:",
        (f"{CHECKS}a_dataset_of_another_posthog_or_another_hash_key_is_exit_2[duckdb]",),
    ),
    Mutation(
        "a dataset has one hash key",
        'if self.meta.get("hash_key", expected["hash_key"]) != expected["hash_key"]:',
        "if False:",
        (f"{CHECKS}a_dataset_of_another_posthog_or_another_hash_key_is_exit_2[duckdb]",),
    ),
    Mutation(
        "a dataset of a newer hogsync is left alone",
        "int(schema) > SCHEMA_VERSION",
        "False",
        ("pipelines/warehouse/test_users.py::test_a_dataset_of_a_newer_hogsync_is_left_alone",),
    ),
    Mutation(
        "an older hogsync leaves a dataset of this one alone",
        "write_meta(warehouse, {MADE: made_json, SCHEMA: str(SCHEMA_VERSION)})",
        "write_meta(warehouse, {MADE: told})",
        (f"{OTHERS}a_run_that_died_after_its_first_note_left_one_that_is_known_as_hogsyncs",),
    ),
    Mutation(
        "lists stand where they stood while people are refused",
        "for affected in self.results.values() if table == PEOPLE.table else [result]:",
        "for affected in [result]:",
        (
            "pipelines/sync/test_refused_table.py::test_people_that_the_warehouse_refuses_come_with_the_next_run",
        ),
    ),
    Mutation(
        "positions come after rows",
        "                existing = _load(extraction, warehouse, folder, prior, derivation)\n",
        (
            "                _record(header, warehouse, extraction, prior, derivation, existing={})\n"
            "                existing = _load(extraction, warehouse, folder, prior, derivation)\n"
        ),
        (f"{LOCKS}a_load_that_failed_moves_no_position",),
    ),
    Mutation(
        "a lost turn is noticed",
        "            lock.verify()",
        "            pass",
        (f"{SERVER}a_sync_that_lost_its_turn_while_it_read_does_not_write_over_what_others_wrote",),
    ),
    Mutation(
        "one writer at a time: file",
        "self._lock.acquire(blocking=False)",
        "pass",
        (
            "pipelines/locking/test_load_lock.py::test_who_waited_long_enough_is_told_who_holds_the_lane[duckdb]",
        ),
    ),
    Mutation(
        "one writer at a time: server",
        "pg_try_advisory_xact_lock(key)",
        "true",
        (
            "pipelines/locking/test_load_lock.py::test_who_waited_long_enough_is_told_who_holds_the_lane[postgres]",
        ),
    ),
    Mutation(
        "others queue behind a new column for a moment only",
        "self.execute(f\"set local lock_timeout = '{LOCK_TIMEOUT}'\")",
        "pass",
        (f"{LOCKS}a_new_column_waits_for_an_analysts_long_select_and_says_for_whom",),
    ),
    Mutation(
        "records are one transaction",
        ('self.execute("begin")\n        try'),
        "try",
        ("destinations/test_warehouse.py::test_a_transaction_commits_as_a_whole_or_not_at_all",),
    ),
    Mutation(
        "a new file belongs to its owner alone",
        "os.umask(0o077)",
        "os.umask(0o022)",
        (
            "destinations/test_warehouse.py::test_a_new_file_belongs_to_its_owner_and_opens_with_older_readers",
        ),
        within="_private",
    ),
    Mutation(
        "a dry run writes nothing",
        (
            "            if dry_run or not isinstance(prior.dataset, DatasetState):\n"
            "                return header.outcome(extraction)\n"
        ),
        "",
        ("pipelines/sync/test_selection.py::test_a_dry_run_writes_nothing_at_all",),
    ),
    Mutation(
        "a query cannot write",
        "self.on_wait, read_only=True",
        "self.on_wait, read_only=False",
        ("pipelines/cli/test_commands.py::test_a_query_cannot_write_and_its_mistakes_are_told_and_exit_2",),
    ),
    Mutation(
        "a warehouse has one service",
        "        if not taken:\n",
        "        if False:\n",
        (
            "pipelines/schedule/test_schedule.py::test_a_second_service_of_a_warehouse_says_which_one_is_there",
        ),
    ),
    Mutation(
        "a query cannot write on Postgres either",
        "set_session(readonly=True)",
        "set_session(readonly=False)",
        (LEAVES_NO_TRANSACTION,),
    ),
    Mutation(
        "a query is one statement, whatever its text is",
        "self.cursor.execute(OPEN)",
        'self.cursor.execute("declare hogsync_answer cursor for " + sql)',
        (LEAVES_NO_TRANSACTION,),
    ),
    Mutation(
        "a query calls no function that acts outside its transaction",
        "            self._refuse_acting(sql)\n",
        "",
        (LEAVES_NO_TRANSACTION,),
    ),
    Mutation(
        "a table that hogsync did not note is somebody's",
        "return name in made and _has(found, table.telling, 0.5)",
        "return _has(found, table.telling, 0.5)",
        (f"{OTHERS}what_somebody_else_made_is_told_by_name[a copy of hogsync's elsewhere]",),
    ),
    Mutation(
        "a table that replaced hogsync's is somebody's",
        "return name in made and _has(found, table.telling, 0.5)",
        "return name in made",
        (f"{OTHERS}what_somebody_else_made_is_told_by_name[it replaced hogsync's]",),
    ),
    Mutation(
        "what only looks much like hogsync's is somebody's",
        "return _has(found, table.telling, 1)",
        "return _has(found, table.telling, 0.5)",
        (f"{OTHERS}what_somebody_else_made_is_told_by_name[much alike]",),
    ),
    Mutation(
        "a view is no table of hogsync's",
        "return found.is_table and",
        "return",
        (f"{OTHERS}what_somebody_else_made_is_told_by_name[a view]",),
    ),
    Mutation(
        "somebody's tables are looked for again before the load",
        ("    tables = tables_of(shapes, versioned)\n    refuse_others(state, tables)\n"),
        "    tables = tables_of(shapes, versioned)\n",
        (
            "pipelines/sync/test_ownership.py::test_a_table_that_comes_to_stand_there_while_posthog_is_read_is_left_alone",
        ),
    ),
    Mutation(
        "no field gets a column of somebody's",
        "theirs={*stored.foreign_columns(table), *stored.foreign_columns(endpoint.history)},",
        "",
        (
            "pipelines/sync/test_ownership.py::test_a_field_named_like_a_column_of_somebodys_gets_another[duckdb]",
        ),
    ),
    Mutation(
        "merges are staged in a schema that is nobody else's",
        "staging_dataset_name_layout=staging_of(self.dataset)",
        'staging_dataset_name_layout="%s_staging"',
        (
            "pipelines/sync/test_ownership.py::test_a_dataset_named_like_dlts_own_staging_keeps_its_rows[duckdb]",
        ),
        within="DuckDB.destination",
    ),
    Mutation(
        "a staging schema of somebody else's is refused",
        'return "" if MARK in held else min(held, default="")',
        'return ""',
        (
            "pipelines/sync/test_ownership.py::test_a_staging_schema_of_somebody_else_is_refused_by_name[duckdb]",
        ),
    ),
    Mutation(
        "rows are appended to empty tables only",
        "first = target.empty and not again",
        "first = True",
        (
            "pipelines/sync/test_repair.py::test_rows_of_an_unfinished_load_are_written_again_and_then_believed",
        ),
    ),
    Mutation(
        "no row can be there twice: before the load",
        "warehouse.index_key(target.table, target.key)",
        "pass",
        (f"{LOCKS}a_table_takes_no_row_twice_from_before_its_first_load_on",),
    ),
    Mutation(
        "what the database cannot change of an older dataset stays as it is",
        "except WarehouseUnavailable:",
        "except ZeroDivisionError:",
        (f"{OLDER}_dataset_of_an_older_hogsync_gets_its_keys_and_jsonb_and_no_version_more",),
        within="_left",
    ),
    Mutation(
        "an older dataset's table that is in use is left for the next run",
        "except TableInUse as used:",
        "except ZeroDivisionError as used:",
        (f"{OLDER}n_old_table_that_somebody_reads_is_left_for_the_next_sync",),
    ),
    Mutation(
        "rows that lost their key make place",
        'self.alter_table(table, f"truncate table {self.name(table)}")',
        "pass",
        ("pipelines/sync/test_repair.py::test_what_somebody_dropped_is_filled_again_down_to_the_oldest_row",),
    ),
    Mutation(
        "another privacy setting reaches lists that its first run left out",
        "        clear_positions(warehouse, from_start)",
        "        pass",
        (f"{LEFT_OUT}[duckdb-projects]",),
    ),
    Mutation(
        "no setting takes away what tells of deaths",
        "column in VISIBILITY_FIELDS.get(table, ())",
        "False",
        ("pipelines/sync/test_repair.py::test_a_column_setting_that_makes_no_sense_is_refused",),
    ),
    Mutation(
        "a column that the catalogue got later comes to lists that its first run left out",
        " or not changes.stored_index.whole",
        "",
        (f"{LATER}",),
        within="mark_before_load",
    ),
    Mutation(
        "dlt's surroundings configure nothing of hogsync's load",
        "return [_OwnProvider({**OWN, **_set_by_others()})]",
        "return [*super().initial_providers(), _OwnProvider({**OWN, **_set_by_others()})]",
        (f"{DLT}no_setting_of_dlts_in_the_environment_or_its_files_moves_or_changes_a_row",),
    ),
    Mutation(
        "what dlt reads of the environment while it is imported does not concern hogsync's load",
        "with _AWAKING, set_aside(READ_BY_IMPORTING_DLT):",
        "with _AWAKING:",
        (f"{DLT}nothing_that_dlt_reads_beside_its_configuration_breaks_a_sync",),
    ),
    Mutation(
        "a load stands on record before its lists count as read",
        "    _assert_arrived(warehouse, loaded.loads_ids)\n",
        "",
        (f"{DLT}a_load_that_is_not_on_record_moves_no_position",),
    ),
    Mutation(
        "text goes to Postgres as UTF-8",
        ', "client_encoding": "UTF8"',
        "",
        (
            f"{SURROUNDINGS}text_is_utf8_whatever_the_environment_and_the_url_say",
            f"{SURROUNDINGS}settings_of_a_role_or_a_database_change_no_row",
        ),
    ),
    Mutation(
        "a database of another encoding is refused",
        'if encoding != "UTF8":',
        "if False:",
        (f"{SURROUNDINGS}a_database_of_another_encoding_is_refused_before_anything_is_read",),
    ),
    Mutation(
        "who says that PostHog has moved ends no row by that",
        "warehouse.execute(seen, [MIXED_KEYS])",
        "pass",
        (
            "pipelines/sync/test_recovery.py::test_another_posthog_that_is_taken_for_the_moved_one_ends_no_row",
        ),
    ),
    Mutation(
        "a withheld table is withheld with its child tables",
        'or table.startswith(f"{name}__")',
        "or False",
        (
            "pipelines/readers/test_withheld.py::test_a_table_is_withheld_with_its_children_its_history_and_its_trends",
        ),
    ),
    Mutation(
        "a table of others is not published",
        "if relation.is_table and name in ours",
        "if relation.is_table",
        (f"{PUBLISHED}objects_of_others_are_not_published_whatever_they_would_show",),
    ),
    Mutation(
        "Parquet files of a table that is left out are removed",
        "if file not in files])",
        "if False])",
        (f"{PUBLISHED}each_table_can_be_a_parquet_file_too",),
    ),
    Mutation(
        "a role from which tables are withheld gets no default privileges",
        "future=not without",
        "future=True",
        (f"{GRANTED}a_withheld_table_cannot_be_read_nor_what_is_derived_from_it_now_and_later",),
    ),
    Mutation(
        "the rights that are left to a role are asked for before the commit",
        "            _verify(warehouse, role, readable, others)\n",
        "",
        (f"{GRANTED}a_right_that_cannot_be_taken_away_is_told_and_nothing_is_changed",),
    ),
)
