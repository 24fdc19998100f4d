"""Merges the layers of settings, and describes what is wrong with them in one sentence.

A layer is a mapping by environment name: `{"WAREHOUSE_URL": "…", "HOGSYNC_PRIVACY": {"person": "hash"}}`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from pipelines.errors import UsageError
from pipelines.settings import parse
from pipelines.settings.hosts import POSTGRES

MUST_BE = {
    "bool": "true (1) or false (0)",
    "dict": "a section with keys of its own",
    "float": "a number",
    "int": "a whole number",
    "model": "a section with keys of its own",
    "path": "a path",
    "string": "a text",
    "tuple": "a list",
}
"""What pydantic's errors about a type mean in a file of settings, by the first word of their code."""
SHOWN = 60
"""Characters of a wrong value that are shown, without a key or a password."""
Steps = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings from one place; `where` completes "POSTHOG_HOST …" ("in .env")."""

    where: str
    values: Mapping[str, Any] = field(repr=False)
    toml: bool = False

    def depth(self, path: Steps) -> int:
        """Return how many steps of `path` this layer sets: a section may be set as a whole."""
        found: Any = self.values
        for number, step in enumerate(path):
            if not isinstance(found, Mapping) or step not in found:
                return number
            found = found[step]
        return len(path)

    def without(self, names: Collection[str]) -> Layer:
        """Return this layer without some of its settings."""
        kept = {name: value for name, value in self.values.items() if name not in names}
        return replace(self, values=kept)

    def name(self, path: Steps) -> str:
        """Return the setting at `path` as this layer spells it."""
        return in_toml(path) if self.toml else in_environment(path)


def in_environment(path: Steps) -> str:
    """Return a setting's environment variable: `HOGSYNC_PRIVACY__PERSON`."""
    return "__".join((path[0], *(step.upper() for step in path[1:])))


def in_toml(path: Steps) -> str:
    """Return a setting's place in TOML: `[privacy] person`; for a section `[privacy]`."""
    section, *rest = (path[0].removeprefix("HOGSYNC_").lower(), *path[1:])
    return " ".join([f"[{'.'.join([section, *rest[:-1]])}]", *rest[-1:]])


def merged(layers: Sequence[Layer]) -> dict[str, Any]:
    """Return all layers as one; sections are merged key by key, and the earlier layer takes precedence."""
    return reduce(lambda lower, layer: _over(layer.values, lower), reversed(layers), {})


def nested(variables: Mapping[str, str], sections: Container[str]) -> dict[str, Any]:
    """Return variables as a layer has them: `HOGSYNC_PRIVACY__PERSON` as `{"HOGSYNC_PRIVACY": {"person": …}}`."""
    result: dict[str, Any] = {}
    for name, value in variables.items():
        head, *keys = name.split("__")
        inner = reduce(lambda inside, key: {key.lower(): inside}, reversed(keys), cast("Any", value))
        result = _over({head: inner} if head in sections else {name: value}, result)
    return result


def _over(upper: Mapping[str, Any], lower: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _over(value, lower[key])
        if isinstance(value, Mapping) and isinstance(lower.get(key), Mapping)
        else value
        for key, value in upper.items()
    }
    return {**lower, **both}


def text_of(path: Path, called: str, *, optional: bool = False) -> str:
    """Return the text of a file of settings, empty if an `optional` one is missing; UsageError if it is unreadable."""
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        why = "it is not UTF-8; save it as UTF-8"
    except OSError as error:
        if optional and isinstance(error, FileNotFoundError):
            return ""
        why = f"{error.strerror or type(error).__name__}; check the path and who may read it"
    raise UsageError(f"{called} cannot be read: {why}.")


def toml_file(given: str | None, sections: Sequence[str]) -> Layer:
    """Return the sections of HOGSYNC_CONFIG; a file that is not configured may be missing."""
    path = parse.location(Path(given or "hogsync.toml"))
    called = f"HOGSYNC_CONFIG is {path}, which" if given else str(path)
    try:
        content = tomllib.loads(text_of(path, called, optional=not given))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}. Correct that line.") from None
    known = [name.removeprefix("HOGSYNC_").lower() for name in sections]
    for name in set(content) - set(known):
        raise UsageError(
            f"{name} in {path} is no section (those are {', '.join(known)}){did_you_mean(name, known)} "
            "A setting without a section belongs in the environment or in `.env`."
        )
    values = {f"HOGSYNC_{name.upper()}": value for name, value in content.items()}
    return Layer(f"in {path}", values, toml=True)


def complaint(
    error: ValidationError, layers: Sequence[Layer], known: Iterable[Steps], secret: Container[str]
) -> str:
    """Return a sentence about the first error: which setting, where it is set, what is allowed; never a secret."""
    first = error.errors(include_url=False)[0]
    path = tuple(step for step in first["loc"] if isinstance(step, str) and step != "[key]")
    layer = max(layers, key=lambda layer: layer.depth(path))
    name = f"{layer.name(path)} {layer.where}"
    if first["type"] == "extra_forbidden":
        near = did_you_mean(layer.name(path), [layer.name(_beside(other, path)) for other in known])
        return f"{name} is not a setting of hogsync{near if near != '.' else '; correct its name, or remove it.'}"
    if first["type"] == "value_error":
        return _redacted(f"{name} {first['ctx']['error']}.")
    must_be = MUST_BE.get(first["type"].partition("_")[0]) or first["msg"].removeprefix("Input should be ")
    given = "" if path[0] in secret else f"is {_redacted(repr(first['input']))[:SHOWN]}, but "
    return f"{name} {given}must be {must_be}."


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name, with the nearest known one."""
    ours = {name.removeprefix("HOGSYNC_"): name for name in known}
    near = difflib.get_close_matches(given.removeprefix("HOGSYNC_"), ours, n=1, cutoff=0.65)
    return f"; did you mean {ours[near[0]]}?" if near else "."


def _beside(other: Steps, path: Steps) -> Steps:
    """Return `other` with NAME replaced by the group's name in `path`."""
    return tuple(mine if step == "NAME" else step for step, mine in zip(other, (*path, *other), strict=False))


def _redacted(sentence: str) -> str:
    """Return `sentence` without a key or a password that was written into the wrong setting; an example stays."""
    example = POSTGRES.removeprefix("postgresql:")
    return re.sub(r"\b(ph[a-z]_)\w{6,}", r"\1…", re.sub(rf"(?!{example})//[^/\s]*@", "//…@", sentence))
