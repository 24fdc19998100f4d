"""Rules of telling: what an unattended caller must hear of."""

from tests.mutation.mutation import Mutation

REPORT = "pipelines/test_report.py::test_"
WARNINGS = "pipelines/test_sync_warnings.py::test_"

TELLING_RULES = (
    Mutation(
        "access that was lost is a warning",
        "sources/posthog/reading.py",
        "                one.lose()",
        "                pass",
        (f"{WARNINGS}a_loss_of_access_is_a_warning_of_every_run_until_it_ends[duckdb]",),
    ),
    Mutation(
        "warnings count where they should",
        "pipelines/sync.py",
        "exit_code = exit_code or int(self.strict and bool(run.warnings))",
        "pass",
        (f"{WARNINGS}a_loss_of_access_is_a_warning_of_every_run_until_it_ends[duckdb]",),
    ),
    Mutation(
        "--quiet keeps no warning back",
        "pipelines/logs.py",
        'logging.getLogger("hogsync.warnings").setLevel(min(level, logging.WARNING))',
        "pass",
        (f"{REPORT}warnings_are_lines_on_stderr_also_where_only_errors_are_wanted[40]",),
    ),
)
