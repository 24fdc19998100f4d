"""Rules of leaving: what ends a run, what a stop may cut short, and what it may not."""

from tests.mutation.mutation import Mutation

LEAVING = "pipelines/cli/test_leaving.py::test_"
KILLS = "whole/test_kills.py::test_"
STOPS = "pipelines/warehouse/test_stop_in_statement.py::test_"
SWALLOWED = "a_run_is_ended_with_the_service_also_when_dlt_looks_for_no_signal_any_more"
AFTER = "what_comes_after_a_stop_is_not_cut_short"

LEAVING_RULES = (
    Mutation(
        "a stop after the record leaves the exit code",
        "if not (recorded and stop_requested.is_set()):",
        "if True:",
        (f"{KILLS}a_stop_after_the_record_leaves_the_run_and_its_exit_code_as_they_are[definitions]",),
    ),
    Mutation(
        "a stop ends the statement that runs",
        "threading.Thread(target=_interrupt_all, daemon=True).start()",
        "pass",
        (f"{STOPS}a_query_that_takes_long_is_stopped_at_once",),
    ),
    Mutation(
        "a stop ends the statement of a sync, to be recorded",
        "self._connection.interrupt()",
        "pass",
        (f"{STOPS}a_sync_that_asks_the_warehouse_for_long_is_stopped_at_once_and_recorded[duckdb-loading]",),
    ),
    Mutation(
        "a stop ends the statement that Postgres is in",
        "self._connection and self._connection.cancel, ",
        "",
        (f"{STOPS}a_sync_that_waits_for_postgres_to_write_is_stopped_at_once_and_recorded",),
    ),
    Mutation(
        "a stop ends what Postgres is sending",
        ", self._arrow and self._arrow.adbc_cancel)",
        ",)",
        (
            f"{STOPS}a_sync_that_asks_the_warehouse_for_long_is_stopped_at_once_and_recorded[postgres-loading]",
        ),
    ),
    Mutation(
        "a stop ends what is being read of the working data",
        "            self._running = connection",
        "            pass",
        ("sources/posthog/changes/test_scratch.py::test_a_statement_of_another_thread_ends_with_the_run",),
    ),
    Mutation(
        "a stop is over with the connection that it was for",
        ("        self._connection = self._arrow = self._keys = None\n        self._interrupted = False"),
        "        self._connection = self._arrow = self._keys = None",
        ("destinations/test_warehouse.py::test_an_interrupt_is_over_with_the_connection_that_it_was_for",),
    ),
    Mutation(
        "what is to be left alone by a signal is",
        "if signal.getsignal(number) is not signal.SIG_IGN:",
        "if number:",
        (
            "pipelines/schedule/test_schedule.py::test_a_run_is_left_alone_by_a_signal_that_its_service_was_to_ignore",
        ),
    ),
    Mutation(
        "a lack of memory ends the run, not one list",
        "isinstance(failure, errors.NoRoom | MemoryError)",
        "isinstance(failure, errors.NoRoom)",
        ("whole/test_memory.py::test_a_sync_that_runs_out_of_memory_says_so_and_is_recorded_as_failed",),
    ),
    Mutation(
        "the record of a stop is not cut short",
        "_interrupted_once.wait(GRACE)",
        "pass",
        (f"{STOPS}{AFTER}",),
    ),
    Mutation(
        "a command that is asked to stop while it leaves shows no traceback",
        "handle(signal.SIG_DFL)",
        "pass",
        (f"{LEAVING}a_command_that_is_asked_to_stop_while_it_leaves_shows_no_traceback[words0-2]",),
    ),
    Mutation(
        "a stop that dlt swallowed is heeded",
        "signals.check_stop()",
        "pass",
        (
            f"{KILLS}a_stop_that_comes_when_dlt_looks_for_none_any_more_is_heeded[definitions]",
            f"pipelines/schedule/test_schedule.py::test_{SWALLOWED}",
        ),
    ),
)
