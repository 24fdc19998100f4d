"""Comments: notes, replies, tasks, emoji reactions, and support tickets that the plain list hides."""

from __future__ import annotations

from datetime import datetime

from sources.sandbox.company.canaries import Pen, written
from sources.sandbox.company.vocabulary import COMMENT_SCOPES, COMMENTS, EMOJI
from sources.sandbox.models import Row

HIDDEN_SCOPES = ("conversations_ticket", "Ticket", "task", "task_artifact", "desktop_canvas")


def comment(pen: Pen, index: int, people: list[int], at: datetime, source: str | None = None) -> Row:
    """The index decides the kind; a reply or reaction names its source."""
    emoji = source is not None and index % 4 == 3
    task = source is None and index % 7 == 3
    ticket = index % 37 == 36
    done = task and pen.chance(0.5)
    content = pen.text(pen.one(EMOJI if emoji else COMMENTS))
    return {
        "id": pen.uuid(),
        "created_by": None if index % 29 == 28 else pen.one(people),
        "deleted": True if index % 13 == 12 else None if index % 41 == 40 else False,
        "content": None if index % 53 == 52 else content,
        "rich_content": {"type": "doc", "content": [{"type": "text", "text": content}]}
        if pen.chance(0.3)
        else None,
        "version": pen.dice.randint(0, 3),
        "created_at": written(at),
        "item_id": f"{pen.dice.getrandbits(32):08x}" if pen.chance(0.9) else None,
        "item_context": {"is_emoji": True}
        if emoji
        else {"time_in_recording": written(at), "note": pen.text("at the form")}
        if pen.chance(0.2)
        else None,
        "scope": HIDDEN_SCOPES[index % 2] if ticket else pen.one(COMMENT_SCOPES),
        "source_comment": source,
        "is_task": task,
        "completed_at": written(at) if done else None,
        "completed_by": pen.one(people) if done else None,
        "slack_thread": None,
    }


def thread(pen: Pen, number: int, people: list[int]) -> list[Row]:
    """So many comments over the last months; six of one import share their time to the microsecond."""
    moments = sorted(pen.ago(240) for _ in range(number))
    moments[10:16] = [moments[10]] * len(moments[10:16])
    rows: list[Row] = []
    for index, at in enumerate(moments):
        source = pen.one(rows)["id"] if index % 5 > 2 and rows else None
        rows.append(comment(pen, index, people, at, source))
    return rows
