"""What a sync costs: `make bench`, or some sections: `python -m tests.bench first unchanged --rounds 5`.

Fresh processes that take turns on this machine, medians of some rounds. Ratios within one run count; seconds do not.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from tests.bench.bench import Bench, Options
from tests.bench.sections import SECTIONS

PACKAGES = (
    "hogsync",
    "dlt",
    "duckdb",
    "pyarrow",
    "httpx",
    "msgspec",
    "adbc-driver-postgresql",
    "psycopg2-binary",
)


def main() -> None:
    """Run the sections that were asked for."""
    asked = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    asked.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; all if none is named")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument(
        "--rows", type=int, default=200_000, help="property definitions; a quarter as many events"
    )
    asked.add_argument("--databases", default="duckdb,postgres")
    words = asked.parse_args()
    if strange := set(words.sections) - SECTIONS.keys():
        asked.error(f"there is no section {', '.join(sorted(strange))}")
    options = Options(words.rounds, words.rows, tuple(words.databases.split(",")))
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES))
    with tempfile.TemporaryDirectory(prefix="hogsync-bench-") as folder:
        bench = Bench(options, Path(folder))
        with bench.running:
            for name in words.sections or SECTIONS:
                SECTIONS[name](bench)


if __name__ == "__main__":
    main()
