"""Warnings of a run in which no table failed: states that need a person, and data that was not as declared.

The `ListResult`s of a table -> one `RunWarning` per kind and reason, which names the first list and how many more there
are. A state warns in every run until it ends, so that an alert can begin and end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sources.posthog.extract.walks import ListResult

Kind = Literal[
    "lost access",
    "deletes held",
    "rejected rows",
    "older warehouse",
    "over budget",
    "not published",
    "alert not sent",
    "ping not sent",
    "watch failed",
]
KINDS: Mapping[Kind, str] = {
    "lost access": "What an earlier run could read is refused or no longer listed; its rows stay as they were. Stands "
    "in every run until it can be read again, or is left out of `[selection] tables` or `[projects] only`.",
    "deletes held": "Rows that PostHog no longer lists live on, because too many went at once or the key sees less "
    "than before. `hogsync sync --accept-deletes` marks them deleted.",
    "rejected rows": "Rows without a key, or that cannot be stored, were left out.",
    "older warehouse": "The warehouse does not know this machine's last run: it was restored from a backup, and every "
    "list was read in full.",
    "over budget": "The hour's request budget has no room for all lists: those that were read most recently are left "
    "for later runs, which read them first.",
    "not published": "The copy of `[publish] path` is not up to date, and the next run publishes again; or the group "
    "of the former copy cannot read it. The rows are in the warehouse.",
    "alert not sent": "A notifier of `[alerts] urls` did not take a message, or the states could not be noted. The "
    "next run tells what no notifier took.",
    "ping not sent": "The dead-man's switch of `[service] ping` did not answer in time, or refused.",
    "watch failed": "The SQL of a `[watch.NAME]` writes, fails or takes too long; `hogsync check` says what is wrong.",
}
"""The kinds of warnings and what each means."""


@dataclass(frozen=True, slots=True)
class RunWarning:
    """One warning of a run, as its record and `--json` show it."""

    table: str
    """Empty if the warning concerns the whole run."""
    path: str
    """The first list that the warning concerns, as in `_hogsync_paths`; empty if none."""
    kind: Kind
    text: str
    """One sentence without a full stop: what, where, and what to do if there is something."""


def warnings_of(table: str, listed: Sequence[ListResult]) -> Iterator[RunWarning]:
    """Yield the warnings that follow from the results of a table's lists."""
    lost: dict[str, list[ListResult]] = {}
    for one in listed:
        if one.lost_access:
            lost.setdefault(one.detail, []).append(one)
    for reason, lists in lost.items():
        yield RunWarning(table, lists[0].list_path.path, "lost access", f"{reason}{where(lists)}")
    if held := [one for one in listed if one.deletes_held]:
        text = f"{held_deletes(held)}; `hogsync sync --accept-deletes` applies them now"
        yield RunWarning(table, held[0].list_path.path, "deletes held", text)
    if rejected := [one for one in listed if one.walks and one.last.rejected]:
        text = f"{left_out(sum((one.last.rejected for one in rejected), Counter()))}{where(rejected)}"
        yield RunWarning(table, rejected[0].list_path.path, "rejected rows", text)


def held_deletes(listed: Sequence[ListResult]) -> str:
    """Return how many deletes of a table are held, why, and where."""
    held = [one for one in listed if one.deletes_held]
    reasons = ", ".join(dict.fromkeys(one.decision.reason for one in held if one.decision))
    return f"{sum(one.deletes_held for one in held):,} deletes held: {reasons}{where(held)}"


def where(listed: Sequence[ListResult]) -> str:
    """Return which lists a text concerns: the first one, and how many more."""
    more = f" and {len(listed) - 1:,} more" if len(listed) > 1 else ""
    return f" ({listed[0].list_path.url_path}{more})" if listed else ""


SHOWN = 10


def data_warnings(
    misfits: Counter[str], apart: Iterable[str], beyond: Collection[str], mended: Iterable[str]
) -> list[str]:
    """Return a sentence for each kind of oddity in a run's data.

    `misfits` are values kept as text, by column; `apart` columns of fields whose names collide; `beyond` fields
    without a column of their own; `mended` what was no JSON.
    """
    sentences = []
    if count := misfits.total():
        sentences.append(f"{_many(count, 'value')} did not fit: {_names(misfits)}")
    if names := _names(apart):
        sentences.append(f"kept apart, because names fall together: {names}")
    if beyond:
        sentences.append(f"{_many(len(beyond), 'field')} beyond [lists] new_columns kept in _other_fields")
    return [*sentences, *sorted(mended)]


def left_out(rejected: Counter[str], places: Sequence[int] = ()) -> str:
    """Return how many rows could not be stored, why, and, of one list, the places of the first of them."""
    why = ", ".join(f"{number:,} {reason}" for reason, number in sorted(rejected.items()))
    text = f"{_many(rejected.total(), 'row')} left out: {why}"
    if not places:
        return text
    first = f"{'row' if len(places) == 1 else 'rows'} {', '.join(f'{place:,}' for place in places)}"
    more = " …" * (rejected.total() > len(places))
    return f"{text} ({first}{more} of the list)"


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'s' * (count != 1)}"


def _names(columns: Iterable[str]) -> str:
    return first_few(sorted(columns), SHOWN)


def first_few(things: Iterable[object], most: int = 20) -> str:
    """Return the first things, `most` at most, and how many more there are."""
    words = list(map(str, things))
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
