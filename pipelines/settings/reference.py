"""Lists every setting as data, from the model itself: its names, its default and its meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import BaseModel

from pipelines.settings.layers import Steps, in_environment, in_toml
from pipelines.settings.sections import Section


class Entry(NamedTuple):
    """One setting; `default` is spelled as in a settings file, empty if there is none."""

    steps: Steps
    default: str
    meaning: str

    @property
    def name(self) -> str:
        """The environment variable, `HOGSYNC_PRIVACY__PERSON`; the keys of a group are those of a group called NAME."""
        return in_environment(self.steps)

    @property
    def toml(self) -> str:
        """The place in TOML, `[privacy] person`; empty for a setting that does not belong into `hogsync.toml`."""
        return in_toml(self.steps) if len(self.steps) > 1 else ""


def settings_reference(model: type[BaseModel]) -> Iterator[Entry]:
    """Yield the settings of `model`: its plain fields, and its sections key by key."""
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
    """Return a default as in a settings file: 1000, false; empty for an unset or empty one."""
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default in (None, (), {}) else str(default)
