"""Rules of reading and concluding: what may be believed of a list."""

from tests.mutation.mutation import Mutation

DEATHS = "pipelines/test_sync_deaths.py::test_"
FAULTS = "pipelines/test_sync_faults.py::test_"
MENDING = "pipelines/test_sync_mending.py::test_"
STREAMS = "pipelines/test_sync_streams.py::test_"
PAGING = "sources/posthog/test_paging.py::test_"
CONCLUDE, WALK = "sources/posthog/conclude.py", "sources/posthog/walk.py"
LISTING, CHANGES = "sources/posthog/listing.py", "sources/posthog/changes.py"
SIGHTS, STOCK = "sources/posthog/sights.py", "sources/posthog/stock.py"
READING, PAGERS = "sources/posthog/reading.py", "sources/posthog/paging.py"

READING_RULES = (
    Mutation(
        "only complete walks end rows",
        CONCLUDE,
        "return told and all(one.complete for one in read.listed)",
        "return told",
        (f"{FAULTS}a_row_without_its_key_is_left_out_counted_and_named[duckdb]",),
    ),
    Mutation(
        "a second look",
        CONCLUDE,
        "if not one_moment and pages",
        "if False and pages",
        (f"{DEATHS}a_row_missing_from_a_list_of_many_pages_is_looked_for_twice",),
    ),
    Mutation(
        "the fuse",
        CONCLUDE,
        'return "so many at once"',
        'return ""',
        (f"{DEATHS}many_deaths_at_once_are_held_until_a_second_run_agrees[duckdb]",),
    ),
    Mutation(
        "an emptied list is held",
        CONCLUDE,
        'return "a list is empty all at once"',
        'return ""',
        (f"{DEATHS}a_list_that_is_empty_all_at_once_is_held",),
    ),
    Mutation(
        "the fingerprint of the key",
        CONCLUDE,
        "if known and known.fingerprint not in (None, walker.sights.of(scope.listings[0])):",
        "if False:",
        (f"{DEATHS}a_key_that_may_see_less_never_looks_like_deletions",),
    ),
    Mutation(
        "staff is part of the fingerprint",
        SIGHTS,
        'self._by_path[USERS.paths[0]] = " staff"',
        "pass",
        (f"{DEATHS}staff_that_is_staff_no_longer_ends_nobody",),
    ),
    Mutation(
        "what a row may have slipped into is held",
        CONCLUDE,
        "map(_new_gap, gaps)",
        "map(_new_gap, [])",
        (f"{DEATHS}a_row_that_slips_into_a_gap_never_dies",),
    ),
    Mutation(
        "what may have changed places with a hidden row is held",
        CONCLUDE,
        "if newcomers or any(",
        "if any(",
        (
            "pipelines/test_sync_found.py::test_a_row_that_changes_places_with_one_that_was_always_hidden_never_dies",
        ),
    ),
    Mutation(
        "organizations and projects are never ended",
        CONCLUDE,
        "told = read.scope.endpoint.mortal and ",
        "told = ",
        (f"{DEATHS}a_project_that_is_listed_no_more_keeps_its_rows",),
    ),
    Mutation(
        "rows agree with the count",
        WALK,
        "return listed.last.gap == 0 or ",
        "return True or ",
        (f"{DEATHS}a_gap_is_not_believed_at_first_and_known_the_second_time",),
    ),
    Mutation(
        "another key's gap explains nothing",
        WALK,
        "known is not None and known.fingerprint == self.sights.of(listed.listing)",
        "known is not None",
        (f"{MENDING}a_gap_that_this_key_knows_is_new_to_another",),
    ),
    Mutation(
        "the count does not move",
        LISTING,
        "self.counts[0] == self.counts[-1]",
        "True",
        (f"{DEATHS}rows_that_slip_by_in_a_first_sync_are_there_after_it",),
    ),
    Mutation(
        "a row without its key makes a walk incomplete",
        LISTING,
        "self.ended and not self.rejected and",
        "self.ended and",
        (f"{FAULTS}a_row_without_its_key_is_left_out_counted_and_named[duckdb]",),
    ),
    Mutation(
        "a key that nobody may believe is rejected",
        "sources/posthog/shape.py",
        "if any(name not in batch.arrays or batch.arrays[name].null_count for name in self.key):",
        "if False:",
        (
            f"{FAULTS}a_row_without_its_key_is_left_out_counted_and_named[duckdb]",
            "sources/posthog/test_shape.py::test_what_has_no_key_or_is_no_row_is_left_out_and_counted",
        ),
    ),
    Mutation(
        "streams go down to the oldest open row",
        WALK,
        "known.open_floor or known.watermark)",
        "known.watermark)",
        (f"{STREAMS}deliveries_are_read_down_to_the_oldest_that_can_still_change[duckdb]",),
    ),
    Mutation(
        "a list that returns is read to its end",
        WALK,
        "revived=fanned_out",
        "revived=False",
        (f"{MENDING}deliveries_come_back_whole_with_their_subscription",),
    ),
    Mutation(
        "rows of unfinished loads are unknown",
        "destinations/stored.py",
        "where status = 0)",
        "where true union select 'never finished')",
        (f"{MENDING}rows_of_an_unfinished_load_are_written_again_and_then_believed",),
    ),
    Mutation(
        "rows with children of unfinished loads are unknown",
        STOCK,
        "self._distrust(known.torn(",
        "id(known.torn(",
        (f"{MENDING}rows_of_an_unfinished_load_are_written_again_and_then_believed",),
    ),
    Mutation(
        "what somebody dropped is filled anew",
        STOCK,
        "self._whole = self._intact()",
        "self._whole = True",
        (f"{MENDING}what_somebody_dropped_is_filled_again_down_to_the_oldest_row",),
    ),
    Mutation(
        "one row per key is written",
        CHANGES,
        "group by {self.key}) l",
        "group by {self.key}, _sequence) l",
        (f"{DEATHS}a_gap_is_not_believed_at_first_and_known_the_second_time",),
    ),
    Mutation(
        "a parent that vanished takes its rows along",
        READING,
        "below.changes.end_below(self.changes[table], below.columns)",
        "pass",
        (f"{DEATHS}a_subscription_that_vanished_takes_its_deliveries_along[duckdb]",),
    ),
    Mutation(
        "PostHog's own word for deleted counts",
        CHANGES,
        'own = self.shape.columns.get("deleted") == "bool"',
        "own = False",
        (f"{STREAMS}a_long_list_of_comments_stops_early_until_a_full_walk_is_due",),
    ),
    Mutation(
        "nobody asks on after a 401",
        READING,
        "self.client.stop()\n            said = str(refusal)",
        "said = str(refusal)",
        (f"{FAULTS}after_a_401_in_mid_run_nothing_more_is_asked",),
    ),
    Mutation(
        "of a next link only the query is used",
        PAGERS,
        'offset = _next_offset(body["next"], path, offset)',
        'offset, path = _next_offset(body["next"], path, offset), body["next"]',
        (f"{FAULTS}a_next_link_to_another_host_is_used_for_its_query_only",),
    ),
    Mutation(
        "a next link that leads back ends its list",
        PAGERS,
        " or int(found) <= offset",
        "",
        (f"{PAGING}a_next_that_leads_back_or_nowhere_fails_the_list",),
    ),
    Mutation(
        "what is no page is no data",
        PAGERS,
        ' and isinstance(body.get("results"), list) and "next" in body',
        "",
        (f"{PAGING}what_is_no_page_fails_the_list",),
    ),
    Mutation(
        "a capped count is no count",
        PAGERS,
        'None if body.get("count_is_capped") else counted',
        "counted",
        (f"{PAGING}a_capped_count_is_no_count",),
    ),
    Mutation(
        "a suspicion ends where nothing lacks",
        CONCLUDE,
        "read.listed[0].held_keys = ()",
        "pass",
        (f"{DEATHS}deaths_that_were_held_and_came_back_never_happened",),
    ),
    Mutation(
        "rows below no row die with none",
        CHANGES,
        "or not k.sound) {self.stock.hanging(columns)}",
        "or not k.sound)",
        (f"{DEATHS}a_group_type_that_goes_ends_no_property_that_belongs_to_none",),
    ),
    Mutation(
        "members that are hidden from a plain member are held",
        SIGHTS,
        'self._by_path.setdefault(path, " alone")',
        "pass",
        (
            "pipelines/test_sync_access.py::test_members_that_an_organization_hides_from_its_members_do_not_die",
        ),
    ),
    Mutation(
        "a list that counts more must name a next page",
        PAGERS,
        "_check_end(path, page, offset, size)\n",
        "pass\n",
        (f"{PAGING}a_full_page_without_a_next_is_not_the_end_of_a_list_that_counts_more",),
    ),
    Mutation(
        "a next elsewhere drops what is on its way",
        PAGERS,
        "if coming and coming[0][0] != offset:",
        "if False:",
        (f"{PAGING}a_next_that_leads_elsewhere_than_foreseen_is_followed",),
    ),
    Mutation(
        "a page on its way is taken for its own place only",
        PAGERS,
        'if coming and coming[0][0] == asked["offset"]:',
        "if coming:",
        (f"{PAGING}what_is_asked_for_again_is_not_mixed_up_with_what_is_on_its_way",),
    ),
    Mutation(
        "the last page is not asked for ahead",
        PAGERS,
        "foreseen + 2 * step <= count",
        "foreseen + step <= count",
        (f"{PAGING}pages_ahead_come_in_their_order_and_each_is_asked_for_once",),
    ),
    Mutation(
        "a walk that is left gives its places back",
        PAGERS,
        "finally:\n        _drop(coming)",
        "finally:\n        pass",
        (f"{PAGING}a_walk_that_is_left_gives_its_places_back",),
    ),
    Mutation(
        "who tells more of a person is believed",
        "sources/posthog/people.py",
        "rank >= self._met.get(identifier, (rank,))[0]",
        "True",
        (
            "sources/posthog/test_people.py::test_of_several_sources_the_richest_wins_in_whatever_order_they_are_met",
        ),
    ),
    Mutation(
        "users know more of people than other lists",
        WALK,
        "self.people.meet(batch.people, endpoint.people_rank)",
        "self.people.meet(batch.people, 0)",
        (f"{MENDING}a_person_met_in_a_poorer_shape_keeps_what_is_known",),
    ),
)
