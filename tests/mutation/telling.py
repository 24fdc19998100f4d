"""Rules of telling: what an unattended caller must hear of."""

from tests.mutation.mutation import Mutation

REACH = "pipelines/check/test_reach.py::test_"
REPORT = "pipelines/cli/test_summary.py::test_"
WARNINGS = "pipelines/sync/test_warnings.py::test_"
REJECTED = "pipelines/sync/test_rejected_rows.py::test_"

TELLING_RULES = (
    Mutation(
        "a report leaves out a field's name that not every row has",
        "and all(name in row for row in rows)",
        "",
        ("pipelines/check/test_report.py::test_a_name_that_not_every_row_has_is_not_written",),
    ),
    Mutation(
        "access that was lost is a warning",
        "result.lists[number] = one.with_lost_access()",
        "pass",
        (f"{WARNINGS}a_loss_of_access_is_a_warning_of_every_run_until_it_ends",),
    ),
    Mutation(
        "warnings count where they should",
        "exit_code=exit_code or int(self.strict and bool(run.warnings))",
        "exit_code=exit_code",
        (f"{WARNINGS}a_loss_of_access_is_a_warning_of_every_run_until_it_ends",),
    ),
    Mutation(
        "[sync] strict holds whoever starts a run",
        "strict=selection.strict or settings.sync.strict",
        "strict=selection.strict",
        (f"{REJECTED}the_setting_of_strict_makes_warnings_count_whoever_starts_the_run",),
    ),
    Mutation(
        "--quiet keeps no warning back",
        'logging.getLogger("hogsync.warnings").setLevel(min(level, logging.WARNING))',
        "pass",
        (f"{REPORT}warnings_are_lines_on_stderr_also_where_only_errors_are_wanted[40]",),
    ),
    Mutation(
        "a key that leads nowhere is no good run",
        " or leads_nowhere(results, chosen)",
        "",
        (f"{REACH}a_key_without_any_organization_and_project_leads_nowhere[no organization]",),
    ),
    Mutation(
        "a project of the settings that is not there is refused",
        "    refuse_unknown_projects(extraction, tables)\n",
        "",
        (f"{WARNINGS}projects_of_the_settings_must_be_there_like_those_of_the_command_line[999]",),
    ),
)
