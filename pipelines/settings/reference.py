"""Lists every setting as data, from the model itself: its names, its default and its meaning."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from pipelines.settings.layers import Steps, in_environment, in_toml
from pipelines.settings.sections import Section


class Entry(NamedTuple):
    """One setting; `default` is spelled as in a settings file, empty if there is none."""

    steps: Steps
    default: str
    section: type[BaseModel]
    key: str

    @property
    def meaning(self) -> str:
        """The docstring below the key."""
        return _docstrings(self.section).get(self.key, "")

    @property
    def name(self) -> str:
        """The environment variable, `HOGSYNC_PRIVACY__PERSON`; the keys of a group are those of one called NAME."""
        return in_environment(self.steps)

    @property
    def toml(self) -> str:
        """The place in TOML, `[privacy] person`; empty for a setting that does not belong into `hogsync.toml`."""
        return in_toml(self.steps) if len(self.steps) > 1 else ""


def settings_reference(model: type[BaseModel]) -> Iterator[Entry]:
    """Yield the settings of `model`: its plain fields, and its sections key by key."""
    for key, field in model.model_fields.items():
        steps: Steps = (str(field.validation_alias),)
        if named := section_of(field.annotation):
            yield from _keys(named, (*steps, "NAME"))
        elif isinstance(field.default, Section):
            yield from _keys(type(field.default), steps)
        else:
            yield Entry(steps, _written(field.default), model, key)


def section_of(annotation: Any) -> type[Section] | None:
    """Return the section of which there may be several, by name: that of `dict[str, GroupSettings]`."""
    inside = get_args(annotation)
    kind = inside[-1] if get_origin(annotation) is dict else None
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _keys(section: type[Section], steps: Steps) -> Iterator[Entry]:
    """Yield the keys of a section, and those of sections in it."""
    for key, part in section.model_fields.items():
        if isinstance(part.default, Section):
            yield from _keys(type(part.default), (*steps, key))
        else:
            yield Entry((*steps, key), _written(part.default), section, key)


def _written(default: object) -> str:
    """Return a default as in a settings file: 1000, false; empty for an unset or empty one."""
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default in (None, (), {}) else str(default)


@cache
def _docstrings(section: type[BaseModel]) -> Mapping[str, str]:
    """Return the docstring below each key. Only generated pages need them, so no start of hogsync parses them."""
    (source,) = ast.parse(inspect.getsource(section)).body
    found = {}
    for before, after in pairwise(source.body if isinstance(source, ast.ClassDef) else ()):
        match before, after:
            case ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(text))):
                found[key] = inspect.cleandoc(text)
    return found
