"""Rules of sparing requests: what may be left unread because it was read before."""

from tests.mutation.mutation import Mutation

STREAMS = "component/test_streams.py::test_"
NAMES = "component/test_resumed_names.py::test_"
RESUMED = "component/test_resumed_streams.py::test_"
TRUST = "component/test_resumed_trust.py::test_"
FILES = "component/test_resumed_files.py::test_"
LOGS = "component/test_resumed_logs.py::test_"

RESUMING_RULES = (
    Mutation(
        "another key asks every list once",
        'else f"{token} {sees}"',
        "else token",
        (f"{STREAMS}another_key_asks_every_subscription_once",),
    ),
    Mutation(
        "a list that fails in a full sync keeps its position",
        "read_anew = changes.table in self.options.anew or",
        "read_anew = self.options.reads_all(changes.table) or",
        (f"{STREAMS}a_list_that_fails_in_a_full_sync_is_read_on_from_where_it_stood",),
    ),
    Mutation(
        "imports beyond the newest fifty are asked for",
        '    "newest": newest_pages,',
        '    "newest": array_page,',
        ("component/test_traps.py::test_imports_come_all_although_posthog_shows_the_newest_fifty",),
    ),
    Mutation(
        "a walk that was gone on with is not complete",
        "or result.is_resumed:\n        pages",
        "or False:\n        pages",
        (f"{RESUMED}what_changed_and_went_among_the_rows_that_were_kept_is_seen_by_the_next_run",),
    ),
    Mutation(
        "a walk that was gone on with lifts the watermark no higher than its beginning",
        "return self.newest_at_resume if self.resumed_pages else self.newest",
        "return self.newest",
        (f"{LOGS}an_audit_log_that_was_killed_after_most_of_it_is_gone_on_with",),
    ),
    Mutation(
        "a list that was gone on with is asked by the next run",
        "is_settled = proves and not (walk.resumed_pages or walk.rejected)",
        "is_settled = proves and not walk.rejected",
        (f"{RESUMED}a_row_that_is_written_late_into_what_was_kept_is_seen_by_the_next_run",),
    ),
    Mutation(
        "a cursor that is known no more is not insisted on",
        "REFUSALS = (400, 404)",
        "REFUSALS = ()",
        (f"{RESUMED}a_cursor_that_is_known_no_more_costs_no_row[400]",),
    ),
    Mutation(
        "a page that fails does not cost what was kept",
        "if not place or (isinstance(failed, PageFailed) and failed.status not in REFUSALS):",
        "if not place:",
        (
            f"{RESUMED}a_page_that_fails_below_what_was_kept_is_asked_for_again_by_the_next_run",
            f"{LOGS}an_outage_where_an_ordered_list_is_to_go_on_costs_nothing_that_was_kept",
        ),
    ),
    Mutation(
        "only the key that began a walk goes on with it",
        "asked.items()}, sees, changes",
        "asked.items()}, changes",
        (f"{TRUST}another_key_begins_anew",),
    ),
    Mutation(
        "only the settings of its beginning go on with a walk",
        ", sees, changes.shape.fingerprint]",
        ", sees]",
        (
            f"{TRUST}a_run_that_is_to_read_all_of_a_list_does_so_and_leaves_nothing_to_go_on_with[other privacy]",
        ),
    ),
    Mutation(
        "an old half-read walk is not trusted",
        "and timedelta() <= self.now - header.began < self.trust",
        "",
        (f"{TRUST}a_walk_that_began_too_long_ago_is_not_gone_on_with",),
    ),
    Mutation(
        "what is loaded is not gone on with",
        "(state.walked is None or state.walked < header.began)",
        "True",
        (f"{TRUST}what_is_loaded_is_not_gone_on_with",),
    ),
    Mutation(
        "what others have stored since is not overwritten",
        "and (state.written is None or state.written <= last.read)",
        "",
        (f"{TRUST}older_rows_that_were_kept_do_not_go_over_what_another_machine_has_stored_since",),
    ),
    Mutation(
        "full walks use nothing that was kept",
        "anew = again or reads_all or",
        "anew = again or",
        (
            f"{TRUST}a_run_that_is_to_read_all_of_a_list_does_so_and_leaves_nothing_to_go_on_with[all asked for]",
        ),
    ),
    Mutation(
        "backfills use nothing that was kept",
        "reads_all or self.options.window is not None",
        "reads_all",
        (f"{TRUST}a_run_that_is_to_read_all_of_a_list_does_so_and_leaves_nothing_to_go_on_with[a backfill]",),
    ),
    Mutation(
        "second looks use nothing that was kept",
        "anew = again or reads_all",
        "anew = reads_all",
        (f"{NAMES}a_second_look_uses_nothing_that_was_kept",),
    ),
    Mutation(
        "what is stored of people counts more than what was kept",
        "for i, row in recalled.items() if i not in before]",
        "for i, row in recalled.items()]",
        (f"{TRUST}nobody_is_called_by_an_older_name_because_of_rows_that_were_kept",),
    ),
    Mutation(
        "what is loaded is kept no longer",
        "checkpoints.settle()",
        "pass",
        ("pipelines/sync/test_resumed.py::test_a_walk_that_was_killed_after_most_of_it_is_gone_on_with",),
    ),
    Mutation(
        "what nobody went on with is kept no longer",
        "checkpoints.sweep()",
        "pass",
        ("pipelines/sync/test_resumed.py::test_what_nobody_went_on_with_is_swept_by_any_sync",),
    ),
    Mutation(
        "a walk reads on below the kept pages that came back, not below those that were there",
        "if met != place:",
        "if False:",
        (f"{FILES}a_file_that_is_cut_while_its_pages_are_taken_in_costs_no_row[14]",),
    ),
    Mutation(
        "what a run for another warehouse may be going on with is not swept",
        "max(self.trust, MIN_SWEEP_AGE)",
        "self.trust",
        (f"{TRUST}what_another_run_may_be_going_on_with_is_not_swept",),
    ),
    Mutation(
        "what is gone on with is young",
        "self.file.truncate(self.file.seek(end))",
        "self.file.seek(end)",
        (f"{TRUST}what_another_run_may_be_going_on_with_is_not_swept",),
    ),
    Mutation(
        "a file that goes does not keep the others from being swept",
        "with suppress(OSError):  # another run",
        "with suppress(EOFError):  # another run",
        (f"{TRUST}a_file_that_goes_while_others_are_swept_keeps_none_of_them_there",),
    ),
    Mutation(
        "of people only what is stored is kept",
        "people=_packed(people),",
        "people=_packed(people) + repr(batch.people).encode(),",
        (
            f"{TRUST}an_odd_person_is_kept_as_it_will_be_stored",
            "whole/test_canaries.py::test_what_is_kept_of_half_read_lists_holds_only_what_the_settings_keep[hash]",
        ),
    ),
    Mutation(
        "the word of today counts more than what was kept of people",
        "sorted(self._recalled.items()) if i not in self._met}",
        "sorted(self._recalled.items())}",
        (
            "sources/posthog/extract/test_people.py::test_what_an_earlier_run_was_told_counts_less_than_any_word_of_today",
        ),
    ),
    Mutation(
        "an audit log that was gone on with lifts the watermark no higher than where it broke off",
        "walk.newest_at_resume = walk.newest",
        "walk.newest_at_resume = self.options.started",
        (f"{LOGS}an_audit_log_that_was_killed_after_most_of_it_is_gone_on_with",),
    ),
    Mutation(
        "a page that leads nowhere is no end of what was kept",
        "if not is_saving or not (page.last or page.next):",
        "if not is_saving:",
        (f"{RESUMED}a_page_that_leads_nowhere_is_not_taken_for_the_end_by_who_goes_on",),
    ),
    Mutation(
        "a second walk proves nothing where rows of a kept one count as seen",
        "or result.is_resumed:\n        pages",
        "or walk.resumed_pages:\n        pages",
        (
            "sources/posthog/extract/test_positions.py::test_a_second_walk_is_not_complete_after_one_that_was_resumed",
        ),
    ),
    Mutation(
        "a second walk says nothing of how many rows there are where a kept one came before",
        "or result.is_resumed or is_unsure",
        "or is_unsure",
        (
            "sources/posthog/extract/test_positions.py::test_a_full_walk_after_a_resumed_one_says_not_how_many_rows_there_are",
        ),
    ),
    Mutation(
        "a half-read list brings no more new columns than there may be",
        "room and together",
        "together",
        (f"{NAMES}a_half_read_list_brings_no_more_new_columns_than_there_may_be",),
    ),
    Mutation(
        "a list that was forgotten is not gone on with",
        "shutil.rmtree(local_state.checkpoint_folder(settings), ignore_errors=True)",
        "pass",
        ("pipelines/sync/test_resumed.py::test_a_list_that_is_to_be_forgotten_is_read_from_its_start",),
    ),
)
