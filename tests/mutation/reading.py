"""Rules of reading and concluding: what may be believed of a list."""

from tests.mutation.mutation import Mutation

DEATHS = "component/test_deaths.py::test_"
FAULTS = "component/test_faults.py::test_"
MENDING = "pipelines/sync/test_repair.py::test_"
UNPROVEN = "component/test_unproven.py::test_"
COMPLETE = "sources/posthog/extract/test_completeness.py::test_"
ANNOUNCED = "component/test_announcements.py::test_"
STREAMS = "component/test_streams.py::test_"
KEYS = "component/test_keys.py::test_"
RECOVERY = "pipelines/sync/test_recovery.py::test_"
PAGING = "sources/posthog/paging/test_pagers.py::test_"
SIZES = "sources/posthog/paging/test_page_size.py::test_"
TRAPS = "component/test_traps.py::test_"
BACKFILL = "component/test_backfill.py::test_"

READING_RULES = (
    Mutation(
        "only complete walks end rows",
        "and all(one.complete for one in read.lists)\n    )",
        "and True\n    )",
        (f"{FAULTS}a_row_without_its_key_is_left_out_counted_and_named",),
    ),
    Mutation(
        "a second look",
        "return not one_moment and pages",
        "return False and pages",
        (f"{DEATHS}a_row_missing_from_a_list_of_many_pages_is_looked_for_twice",),
    ),
    Mutation(
        "the fuse",
        "elif len(new) > DELETE_FUSE_ROWS and",
        "elif False and",
        (f"{DEATHS}many_deaths_at_once_are_held_until_a_second_run_agrees",),
    ),
    Mutation(
        "an emptied list is held",
        "if any(map(_became_empty, results)):",
        "if False:",
        (f"{DEATHS}a_list_that_is_empty_all_at_once_is_held",),
    ),
    Mutation(
        "the fingerprint of the key",
        "if not all(one.is_same_key for one in results):",
        "if False:",
        (f"{DEATHS}a_key_that_may_see_less_never_looks_like_deletions",),
    ),
    Mutation(
        "staff is part of the fingerprint",
        'self._by_path[USERS.paths[0]] = " staff"',
        "pass",
        (f"{DEATHS}staff_that_is_staff_no_longer_ends_nobody",),
    ),
    Mutation(
        "what a row may have slipped into is held",
        "any(_is_new_gap(one.before) for",
        "any(False for",
        (f"{DEATHS}a_row_that_slips_into_a_gap_never_dies",),
    ),
    Mutation(
        "what may have changed places with a hidden row is held",
        "if has_new_rows or any(",
        "if any(",
        (
            "component/test_found.py::test_a_row_that_changes_places_with_one_that_was_always_hidden_never_dies",
        ),
    ),
    Mutation(
        "organizations and projects are never ended",
        "endpoint.detects_deletes\n        and not reader.options.window",
        "not reader.options.window",
        (f"{DEATHS}a_project_that_is_listed_no_more_keeps_its_rows",),
    ),
    Mutation(
        "rows agree with the count",
        "return walk.gap == 0 or ",
        "return True or ",
        (f"{DEATHS}a_gap_is_not_believed_at_first_and_known_the_second_time",),
    ),
    Mutation(
        "another key's gap explains nothing",
        "(before.fingerprint, before.gap) == (result.fingerprint, walk.gap)",
        "before.gap == walk.gap",
        (f"{UNPROVEN}a_gap_that_this_key_knows_is_new_to_another",),
    ),
    Mutation(
        "the count does not move",
        "self.counts[0] == self.counts[-1]",
        "True",
        (f"{DEATHS}rows_that_slip_by_in_a_first_sync_are_there_after_it",),
    ),
    Mutation(
        "a row without its key makes a walk incomplete",
        "not self.filtered and not self.rejected and",
        "not self.filtered and",
        ("sources/posthog/extract/test_positions.py::test_a_position_advances_by_what_the_walk_proved",),
    ),
    Mutation(
        "a key that nobody may believe is rejected",
        "if lacking or self._longest_key(batch) > KEY_BYTES:",
        "if False:",
        (
            f"{FAULTS}a_row_without_its_key_is_left_out_counted_and_named",
            "sources/posthog/shape/test_row_shape.py::test_what_has_no_key_or_is_no_row_is_left_out_and_counted",
        ),
    ),
    Mutation(
        "a list of nothing but rows that cannot be stored has failed",
        '"failed" if walk.all_rejected else "read"',
        '"read"',
        ("component/test_rejected.py::test_a_list_of_nothing_but_rows_that_cannot_be_stored_has_failed",),
    ),
    Mutation(
        "nothing of what is nested too deep is kept, for nobody could tell a credential in it",
        'pieces += [body[done : mark.start()], b"null"]',
        'pieces += [body[done : mark.start()], b"1"]',
        (
            "sources/posthog/shape/test_row_shape.py::test_of_a_value_that_goes_too_deep_the_rest_is_kept_and_so_is_its_row",
        ),
    ),
    Mutation(
        "streams go down to the oldest open row",
        "in_progress or position.watermark)",
        "position.watermark)",
        (f"{STREAMS}deliveries_are_read_down_to_the_oldest_that_can_still_change",),
    ),
    Mutation(
        "a list that returns is read to its end",
        "revived=deleted_too",
        "revived=False",
        (f"{UNPROVEN}deliveries_come_back_whole_with_their_subscription",),
    ),
    Mutation(
        "rows of unfinished loads are unknown",
        "where status = 0)",
        "where true union select 'never finished')",
        (f"{MENDING}rows_of_an_unfinished_load_are_written_again_and_then_believed",),
        within="Warehouse.committed_loads",
    ),
    Mutation(
        "rows with children of unfinished loads are unknown",
        "self._mark_uncommitted(one)",
        "id(one)",
        (f"{MENDING}rows_of_an_unfinished_load_are_written_again_and_then_believed",),
    ),
    Mutation(
        "what somebody dropped is filled anew",
        "self.whole = self._intact()",
        "self.whole = True",
        (f"{MENDING}what_somebody_dropped_is_filled_again_down_to_the_oldest_row",),
    ),
    Mutation(
        "one row per key is written",
        "group by {self.key}) l",
        "group by {self.key}, _sequence) l",
        (f"{DEATHS}a_gap_is_not_believed_at_first_and_known_the_second_time",),
    ),
    Mutation(
        "a parent that vanished takes its rows along",
        "children.changes.cascade_delete(self.changes[table], children.columns)",
        "pass",
        (f"{DEATHS}a_subscription_that_vanished_takes_its_deliveries_along",),
    ),
    Mutation(
        "PostHog's own word for deleted counts",
        'own = self.shape.columns.get("deleted") == "bool"',
        "own = False",
        (f"{STREAMS}a_long_list_of_comments_stops_early_until_a_full_walk_is_due",),
    ),
    Mutation(
        "nobody asks on after a 401",
        "self.client.stop()\n                detail",
        "detail",
        (f"{FAULTS}after_a_401_in_mid_run_nothing_more_is_asked",),
    ),
    Mutation(
        "of a next link only the query is used",
        'before, offset = offset, _next_offset(body["next"], path, offset)',
        'before, offset, path = offset, _next_offset(body["next"], path, offset), body["next"]',
        (f"{FAULTS}a_next_link_to_another_host_is_used_for_its_query_only",),
    ),
    Mutation(
        "a page has its time, however slowly its bytes come",
        "if time.monotonic() > self._request.end:",
        "if False:",
        ("sources/posthog/client/test_deadlines.py::test_a_trickle_is_bounded",),
    ),
    Mutation(
        "a next link that leads back ends its list",
        "(whole(found) or 0) <= offset",
        "False",
        (f"{PAGING}a_next_that_leads_back_or_nowhere_fails_the_list",),
    ),
    Mutation(
        "what is no page is no data",
        ' and isinstance(body.get("results"), list) and "next" in body',
        "",
        (f"{PAGING}what_is_no_page_fails_the_list",),
    ),
    Mutation(
        "a capped count is no count",
        'None if body.get("count_is_capped") else count',
        "count",
        (f"{PAGING}a_capped_count_is_no_count",),
    ),
    Mutation(
        "another key takes over only what it was seen to lack nothing of",
        "if same_key or result.held_together == 0 or not",
        "if same_key or not result.deletes_held or not",
        (
            "component/test_access.py::test_what_another_key_does_not_see_stays_after_a_run_that_cannot_tell_what_is_missing",
        ),
    ),
    Mutation(
        "a suspicion ends where nothing lacks",
        "_conclude(read, DeleteDecision())",
        "pass",
        (f"{DEATHS}deaths_that_were_held_and_came_back_never_happened",),
    ),
    Mutation(
        "rows below no row die with none",
        "(k.deleted_at is null or not k.committed){has_parent}",
        "(k.deleted_at is null or not k.committed)",
        (f"{DEATHS}a_group_type_that_goes_ends_no_property_that_belongs_to_none",),
    ),
    Mutation(
        "rows of a torn load that belong to no row stay",
        "delete(self.table, columns, parent.table, parent.key, endpoint.without_parent(columns))",
        "delete(self.table, columns, parent.table, parent.key, {})",
        ("component/test_found.py::test_rows_of_a_torn_load_that_belong_to_no_row_stay",),
    ),
    Mutation(
        "rows of a torn load whose row was never written are deleted",
        "self._delete_orphans()",
        "pass",
        ("component/test_found.py::test_a_list_of_a_row_that_a_torn_load_never_wrote_comes_with_the_row",),
    ),
    Mutation(
        "members that are hidden from a plain member are held",
        'self._by_path.setdefault(path, " alone")',
        "pass",
        ("component/test_access.py::test_members_that_an_organization_hides_from_its_members_do_not_die",),
    ),
    Mutation(
        "a list that counts more must name a next page",
        "if page.count is not None and full and",
        "if False and",
        (f"{PAGING}a_full_page_without_a_next_is_not_the_end_of_a_list_that_counts_more",),
    ),
    Mutation(
        "a next elsewhere drops what is on its way",
        "if coming and coming[0].offset != offset:",
        "if False:",
        (f"{PAGING}a_next_that_leads_elsewhere_than_foreseen_is_followed",),
    ),
    Mutation(
        "a page on its way is taken for its own place only",
        'if coming and coming[0].offset == query["offset"]:',
        "if coming:",
        (f"{PAGING}what_is_asked_for_again_is_not_mixed_up_with_what_is_on_its_way",),
    ),
    Mutation(
        "the last page is not asked for ahead",
        "start + rows <= rest.stop",
        "start <= rest.stop",
        (f"{PAGING}pages_ahead_come_in_their_order_and_each_is_asked_for_once",),
    ),
    Mutation(
        "large pages take several places",
        "if places > self._free:",
        "if self._free < 1:",
        (f"{SIZES}large_pages_take_several_places_of_those_that_are_requested_ahead",),
    ),
    Mutation(
        "a server that became slow gets smaller pages",
        "int(min(in_time, in_size, most))",
        "int(min(in_size, most))",
        (f"{SIZES}a_server_that_became_slow_gets_smaller_pages_again",),
    ),
    Mutation(
        "a server's own maximum is learnt",
        "if step < asked:",
        "if False:",
        (f"{SIZES}a_server_with_a_maximum_of_its_own_is_asked_for_no_more",),
    ),
    Mutation(
        "a shared row dies only when all lists that may show it were read",
        "if not unread or accepted or not missing.num_rows:",
        "if True:",
        (f"{TRAPS}a_shared_row_dies_only_when_all_lists_that_may_show_it_were_read",),
    ),
    Mutation(
        "a person's word ends no shared row that a list which was not read may show",
        " and not may_hold_rows(reader, unread)",
        "",
        (f"{TRAPS}a_shared_row_dies_only_when_all_lists_that_may_show_it_were_read",),
        within="_missing",
    ),
    Mutation(
        "a parent row without the field ends no list below it",
        "if value is None or value in values",
        "if value in values",
        (f"{TRAPS}a_list_that_costs_a_request_for_each_row_is_read_below_chosen_rows_only",),
    ),
    Mutation(
        "a shared row has no project",
        "batch.clear(stamps, self._are_shared(raws))",
        "pass",
        (f"{TRAPS}a_row_that_every_project_lists_is_stored_once_without_a_project",),
    ),
    Mutation(
        "a list is read below chosen rows only",
        "if is_read(child, (*partition.parent_ids.values(), ident))",
        "if True",
        (f"{TRAPS}a_list_that_costs_a_request_for_each_row_is_read_below_chosen_rows_only",),
    ),
    Mutation(
        "what is no longer read below a row is over",
        "children.changes.delete_below(unread, children.columns)",
        "pass",
        (f"{TRAPS}a_list_that_costs_a_request_for_each_row_is_read_below_chosen_rows_only",),
    ),
    Mutation(
        "a walk that is left gives its places back",
        ("finally:\n        _drop(coming)"),
        ("finally:\n        pass"),
        (f"{PAGING}a_walk_that_is_left_gives_its_places_back",),
    ),
    Mutation(
        "who tells more of a person is believed",
        "noted[identifier][0] < weighted[0]",
        "True",
        (
            "sources/posthog/extract/test_people.py::test_of_several_sources_the_richest_wins_in_whatever_order_they_are_met",
        ),
    ),
    Mutation(
        "what one table refuses ends the load of no other",
        "if not extraction.rows_to_write:",
        "if True:",
        (
            "pipelines/sync/test_refused_table.py::test_a_table_that_takes_no_rows_fails_by_name_and_the_others_are_loaded",
        ),
    ),
    Mutation(
        "of two words of one person that count alike the order of answers chooses none",
        "if before != person and _weight(before) < _weight(person):",
        "if before != person:",
        ("sources/posthog/extract/test_people.py::test_of_equal_sources_none_wins_by_coming_first_or_last",),
    ),
    Mutation(
        "who stands in free JSON goes over nobody who is stored",
        "for i, person in mentioned.items() if i not in before]",
        "for i, person in mentioned.items()]",
        (
            "sources/posthog/extract/test_people.py::test_who_stands_in_free_json_fills_in_only_whom_nothing_else_names",
        ),
    ),
    Mutation(
        "what an undeclared field calls a user is no colleague",
        'Field(name=name, type="bigint", role="reference")',
        'Field(name=name, type="bigint", role="person")',
        (
            "sources/posthog/shape/test_row_shape.py::test_what_an_undeclared_field_calls_a_user_is_no_colleague",
        ),
    ),
    Mutation(
        "users know more of people than other lists",
        "self.people.meet(page.batch.people, endpoint.people_rank)",
        "self.people.meet(page.batch.people, 0)",
        (f"{UNPROVEN}users_know_more_of_people_than_other_lists_however_much_these_say",),
    ),
    Mutation(
        "a list with an open row is asked",
        "and not (is_due or in_progress or options.accept_deletes)",
        "and not (is_due or options.accept_deletes)",
        (f"{STREAMS}only_subscriptions_with_something_due_are_asked_for_deliveries",),
    ),
    Mutation(
        "a list whose parent has moved is asked",
        "and change_token == position.moved",
        "",
        (f"{STREAMS}only_subscriptions_with_something_due_are_asked_for_deliveries",),
    ),
    Mutation(
        "a list with an announced change is asked",
        "is_announced = scopes is None or not scopes.isdisjoint(endpoint.announced_by)",
        "is_announced = scopes is None",
        (f"{ANNOUNCED}what_is_announced_is_read_where_it_happened",),
    ),
    Mutation(
        "entries of an unrecorded run count as new",
        "not was_heard or log.last",
        "log.last",
        (f"{ANNOUNCED}entries_of_a_run_that_was_never_recorded_are_not_overlooked",),
    ),
    Mutation(
        "a log that could not be read announces nothing",
        "if not organizations <= self._heard:",
        "if False:",
        (f"{ANNOUNCED}lists_are_read_whenever_announcements_do_not_hold[log refused]",),
    ),
    Mutation(
        "a change without an entry ends the trust",
        "if not known or any(one.distrusted_at for one in known):",
        "if not known:",
        (f"{ANNOUNCED}a_change_without_an_entry_arrives_with_the_sweep_and_ends_the_trust",),
    ),
    Mutation(
        "lists of shared rows are skipped all or none",
        "organizations = self._all",
        "pass",
        (f"{ANNOUNCED}notes_that_all_projects_list_are_read_in_all_of_them_or_in_none",),
    ),
    Mutation(
        "a list above others is walked",
        "or (position.rows > 0 and list_path.endpoint.table in self._parents)",
        "",
        (f"{ANNOUNCED}an_idle_run_of_all_tables_takes_ten_requests_a_project_at_most",),
    ),
    Mutation(
        "the list that was read least recently is read first",
        "sorted(costs, key=lambda cost: cost.last_walk_at)",
        "costs",
        ("component/test_budget.py::test_a_run_that_does_not_fit_says_what_waits_and_the_next_run_reads_it",),
    ),
    Mutation(
        "a list that is longer than the budget is read once it is the oldest",
        "one.requests <= left or (is_due and left >= 0)",
        "one.requests <= left",
        ("sources/posthog/extract/plan/test_budget.py::test_no_list_waits_for_ever",),
    ),
    Mutation(
        "lists that were never read leave half of the requests to the others",
        "room = max(left // 2, left - sum(one.requests for one in known))",
        "room = left",
        ("sources/posthog/extract/plan/test_budget.py::test_no_list_waits_for_ever",),
    ),
    Mutation(
        "a gap is not known where rows came twice",
        "(as_before and walk.rows == walk.distinct)",
        "as_before",
        (f"{COMPLETE}a_list_is_complete_without_a_gap_or_with_the_one_that_is_known[rows that came twice]",),
    ),
    Mutation(
        "every list is asked once a day",
        "and options.started - options.sweep_every < position.last_walk_at <= options.started",
        "and True",
        (f"{STREAMS}a_full_sync_and_the_daily_sweep_ask_every_subscription",),
    ),
    Mutation(
        "a count that disagrees is believed",
        "return walk.count_after not in (None, counted)",
        "return False",
        (f"{STREAMS}a_count_that_disagrees_makes_a_long_list_be_walked_at_once",),
    ),
    Mutation(
        "a row from the future lifts no watermark",
        "past = [at for at in times if at <= now]",
        "past = times",
        (f"{STREAMS}a_comment_from_the_future_lifts_no_watermark",),
    ),
    Mutation(
        "a filtered walk proves nothing about the rest",
        "walk = Walk(next(self._walk_ids), filtered=filtered,",
        "walk = Walk(next(self._walk_ids), filtered=False,",
        ("component/test_since.py::test_only_what_happened_since_is_asked_for",),
    ),
    Mutation(
        "a question reaches back an overlap",
        "position.watermark - endpoint.lookback, ",
        "position.watermark, ",
        ("component/test_since.py::test_entries_that_are_written_late_are_still_met",),
    ),
    Mutation(
        "a backfill ends no row",
        "and not reader.options.window",
        "",
        (f"{BACKFILL}a_backfill_of_whole_lists_ends_nothing",),
    ),
    Mutation(
        "a backfill moves no list's place",
        "elif not self.options.window:",
        "else:",
        (f"{BACKFILL}late_edits_far_back_are_fetched_and_no_place_moves",),
    ),
    Mutation(
        "rows to be written again are not left out of a backfill",
        "return FULL if must_read_all and not is_empty else ReadPlan(options.window.since)",
        "return ReadPlan(options.window.since)",
        (f"{BACKFILL}a_column_that_the_catalogue_got_later_is_filled_down_to_the_oldest_row",),
    ),
    Mutation(
        "a restored backup is noticed",
        "read_all=restored or people_lost",
        "read_all=people_lost",
        (f"{RECOVERY}a_restored_backup_is_noticed_and_all_is_read_again",),
    ),
    Mutation(
        "what the first run on a restored backup leaves out is read in full later",
        "clear_positions(warehouse, ENDPOINTS)",
        "pass",
        (f"{RECOVERY}lists_that_the_first_run_after_a_restored_backup_left_out_are_read_in_full_later",),
    ),
    Mutation(
        "whose key saw rows is known before they are stored",
        "position_before_load=before_load(one, has_new_rows)",
        "position_before_load=None",
        ("component/test_found.py::test_rows_that_another_key_has_stored_without_a_record_of_it_do_not_die",),
    ),
    Mutation(
        "whose key saw rows is known of a list, too, in which the key was refused",
        "results = {one.list_path.path: one for one in read.lists}",
        "results: dict[str, ListResult] = {}",
        (
            "pipelines/sync/test_keys.py::test_rows_of_a_list_in_which_a_key_was_refused_do_not_die_for_another_key",
        ),
    ),
    Mutation(
        "rows of a run that could not tell what its key sees are nobody's",
        "result.fingerprint or MIXED_KEYS",
        "result.fingerprint",
        (
            f"{KEYS}rows_of_a_run_that_could_not_tell_what_its_key_sees_do_not_die_for_another_key[False]",
            f"{KEYS}rows_of_a_run_that_could_not_tell_what_its_key_sees_do_not_die_for_another_key[True]",
        ),
    ),
)
