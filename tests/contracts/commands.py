"""The command line as its help tells it: every command, option and argument, whatever lays it out on a screen."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from pipelines.cli.commands import app

TAKES = {int: "number", str: "text", Path: "file"}


def commands() -> str:
    """Every command with its words."""
    root = app.registered_callback
    assert root is not None
    assert root.callback is not None
    parts = ["\n".join([f"hogsync: {app.info.help}", *_words(root.callback)])]
    for command in app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__.replace("_", "-")
        meaning = command.help or inspect.getdoc(command.callback)
        parts.append("\n".join([f"hogsync {name}: {meaning}", *_words(command.callback)]))
    return "\n\n".join(parts) + "\n"


def _words(callback: Callable[..., Any]) -> Iterator[str]:
    """Yield a line for each argument and option of a command."""
    hints = get_type_hints(callback, include_extras=True)
    for name, parameter in inspect.signature(callback).parameters.items():
        for info in getattr(hints[name], "__metadata__", ()):
            yield f"  {_word(name, get_args(hints[name])[0], info, parameter.default)}"


def _word(name: str, annotated: Any, info: OptionInfo | ArgumentInfo, default: Any) -> str:
    kind, repeated = _kind(annotated)
    takes = "" if kind is bool else info.metavar or _takes(kind)
    if isinstance(info, ArgumentInfo):
        shown = info.metavar or name.upper()
    else:  # Typer keeps the first of the names as if it were the default
        names = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str)]
        shown = " ".join([*(names or [f"--{name.replace('_', '-')}"]), *([takes] if takes else [])])
    more = [
        *(["required"] if default is inspect.Parameter.empty else []),
        *(["repeatable"] if repeated else []),
        *([f"default {default}"] if default not in {inspect.Parameter.empty, None, False, ""} else []),
    ]
    remark = f" ({', '.join(more)})" if more else ""
    return f"{shown}{remark} - {info.help}"


def _kind(annotated: Any) -> tuple[Any, bool]:
    """Return the type of one value, and whether there may be several."""
    if get_origin(annotated) in {Union, UnionType}:
        (annotated,) = (one for one in get_args(annotated) if one is not NoneType)
    return (get_args(annotated)[0], True) if get_origin(annotated) is list else (annotated, False)


def _takes(kind: Any) -> str:
    return "|".join(get_args(kind)) if get_origin(kind) is Literal else TAKES[kind]
