"""Every setting as data: its names, its default and what it means, read off the model itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from pydantic import BaseModel

from pipelines.settings import parse
from pipelines.settings.layers import Steps, in_environment, in_toml
from pipelines.settings.sections import Section


class Entry(NamedTuple):
    """One setting; `default` is as one would write it, empty if there is none."""

    steps: Steps
    default: str
    meaning: str

    @property
    def name(self) -> str:
        """`HOGSYNC_PRIVACY__PERSON`; the keys of a group are those of a group called NAME."""
        return in_environment(self.steps)

    @property
    def toml(self) -> str:
        """`[privacy] person`, or nothing for what does not belong into `hogsync.toml`."""
        return in_toml(self.steps) if len(self.steps) > 1 else ""


def settings_reference(model: type[BaseModel]) -> Iterator[Entry]:
    """The settings of `model`: its plain fields, and key by key its sections."""
    for field in model.model_fields.values():
        section = field.default
        steps: Steps = (str(field.validation_alias),)
        if isinstance(section, dict):
            section, steps = next(iter(section.values())), (*steps, "NAME")
        if not isinstance(section, Section):
            yield Entry(steps, _written(field.default), field.description or "")
            continue
        for key, part in type(section).model_fields.items():
            yield Entry((*steps, key), _written(part.default), part.description or "")


def _written(default: object) -> str:
    """A default as one would write it: 1000, false; nothing for what is unset or empty."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, timedelta):
        return parse.written_span(default)
    return "" if default in (None, (), {}) else str(default)
