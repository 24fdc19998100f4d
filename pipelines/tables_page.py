"""`python -m pipelines.tables_page` writes sources/posthog/TABLES.md and dbt's sources; with `--check` it compares.

`sources.posthog.table_docs` writes the catalogue's part; the bookkeeping, its words and the exit codes follow.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.bookkeeping.meanings import (
    ALERT_KINDS,
    COLUMNS_MEAN,
    RUN_STATUSES,
    TABLE_STATUSES,
    TABLES_MEAN,
    TRIGGERS,
)
from pipelines.bookkeeping.schema import ALERTS, RUN_TABLES, RUNS, TABLES
from pipelines.errors import EXIT_CODES, NOTHING_DUE
from pipelines.settings.example import write_page
from sources.posthog import table_docs
from sources.posthog.extract.run_warnings import KINDS

FILE = table_docs.FILE
WORDS: tuple[tuple[str, str, Mapping[Any, str]], ...] = (
    (f"{RUNS}.status", "status", RUN_STATUSES),
    (f"{RUNS}.trigger", "trigger", TRIGGERS),
    (f"{RUNS}.warnings: kinds", "kind", KINDS),
    (f"{RUN_TABLES}.status", "status", TABLE_STATUSES),
    (f"{ALERTS}.kind", "kind", ALERT_KINDS),
)


def document() -> str:
    """Return the whole text of TABLES.md."""
    return "\n".join([table_docs.document(), *_bookkeeping(), *_words(), *_codes(), ""])


def _bookkeeping() -> Iterator[str]:
    yield "# Bookkeeping\n"
    yield "hogsync's own tables in the same dataset. To be read, not written; later versions only add columns.\n"
    for table, (key, columns) in TABLES.items():
        yield f"### {table}\n"
        yield f"{TABLES_MEAN[table]} Key: {', '.join(f'`{name}`' for name in key)}.\n"
        means = COLUMNS_MEAN[table]
        yield from _table(
            ("column", "type", "meaning"), [(f"`{n}`", t, means[n]) for n, t in columns.items()]
        )


def _words() -> Iterator[str]:
    for heading, word, meanings in WORDS:
        yield f"### {heading}\n"
        yield from _table((word, "meaning"), [(f"`{name}`", meaning) for name, meaning in meanings.items()])


def _codes() -> Iterator[str]:
    yield "# Exit codes\n"
    yield (
        "`hogsync check` ends with the code with which a sync would, and with 1 where a selected table is not "
        f"readable\nat all. {NOTHING_DUE} is that of a run of `hogsync schedule` that finds its group's last success "
        "recent enough; it stands\nin the service's log only.\n"
    )
    yield from _table(("code", "meaning"), [(str(code), meaning) for code, meaning in EXIT_CODES.items()])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


if __name__ == "__main__":
    pages = {FILE: document(), table_docs.DBT_FILE: table_docs.dbt_sources()}
    raise SystemExit(max(write_page(file, text, sys.argv[1:]) for file, text in pages.items()))
