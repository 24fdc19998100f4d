"""Merges the layers of settings, and describes what is wrong with them in one sentence.

A layer is a mapping by environment name, a section being a mapping again: `{"WAREHOUSE_URL": "…", "HOGSYNC_PRIVACY":
{"person": "hash"}}`. The earlier layer of a sequence takes precedence.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines.errors import UsageError
from pipelines.settings import parse

MUST_BE = {
    "bool_parsing": "true (1) or false (0)",
    "bool_type": "true (1) or false (0)",
    "dict_type": "a section with keys of its own",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_type": "a whole number",
    "less_than_equal": "at most {le:g}",
    "literal_error": "{expected}",
    "model_type": "a section with keys of its own",
    "path_type": "a path",
    "string_type": "a text",
    "tuple_type": "a list",
}
SHOWN = 60
Steps = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings from one place; `where` completes "POSTHOG_HOST …" ("in .env")."""

    where: str
    values: Mapping[str, Any] = field(repr=False)
    toml: bool = False

    def has(self, path: Steps) -> bool:
        """True if this layer sets the setting at `path`."""
        found: Any = self.values
        for step in path:
            if not isinstance(found, Mapping) or step not in found:
                return False
            found = found[step]
        return True

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
    result: dict[str, Any] = {}
    for layer in reversed(layers):
        result = _over(layer.values, result)
    return result


def _over(upper: Mapping[str, Any], lower: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _over(value, lower[key])
        if isinstance(value, Mapping) and isinstance(lower.get(key), Mapping)
        else value
        for key, value in upper.items()
    }
    return {**lower, **both}


def toml_file(given: str | None, plain: AbstractSet[str], sections: Sequence[str]) -> Layer:
    """Return the sections of HOGSYNC_CONFIG; a file that is not configured may be missing."""
    path = parse.location(Path(given or "hogsync.toml"))
    try:
        content = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        if given:
            raise UsageError(
                f"HOGSYNC_CONFIG is {given}, but there is no such file; correct it, or leave the variable out."
            ) from None
        content = {}
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}. Correct that line.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {why(error)}.") from None
    known = [name.removeprefix("HOGSYNC_").lower() for name in sections]
    for name in content:
        if {name.upper(), f"HOGSYNC_{name.upper()}"} & plain:
            raise UsageError(f"{name} in {path} does not belong there; set it in the environment or in .env.")
        if name not in known:
            kinds = ", ".join(known)
            raise UsageError(f"{name} in {path} is no section (those are {kinds}){did_you_mean(name, known)}")
    return Layer(
        f"in {path}", {f"HOGSYNC_{name.upper()}": value for name, value in content.items()}, toml=True
    )


def key_file(given: Mapping[str, Any], key: str, setting: str) -> Layer:
    """Return a layer with the content of the file that `setting` names, as the value of `key`."""
    if not given.get(setting):
        return Layer("in no file", {})
    if given.get(key):
        raise UsageError(f"{key} and {setting} are both set; leave one of them out.")
    path = parse.location(Path(given[setting]))
    try:
        return Layer(f"in {path}", {key: path.read_text("utf-8-sig")})
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{setting} is {path}, which cannot be read: {why(error)}.") from None


def why(error: OSError | UnicodeDecodeError) -> str:
    """Return why a file could not be read, and what to do about it."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8; save it as UTF-8"
    return f"{error.strerror or type(error).__name__}; check the path and who may read it"


def complaint(
    error: ValidationError, layers: Sequence[Layer], known: Iterable[Steps], secret: AbstractSet[str]
) -> str:
    """Return a sentence about the first error: which setting, where it is set, what is allowed; never a secret."""
    first = error.errors(include_url=False)[0]
    path = tuple(step for step in first["loc"] if isinstance(step, str) and step != "[key]")
    if not path:
        return str(first["ctx"]["error"])
    layer = _source(path, layers)
    name = f"{layer.name(path)} {layer.where}"
    if first["type"] == "extra_forbidden":
        names = [layer.name(_beside(other, path)) for other in known]
        return f"{name} is not a setting of hogsync{did_you_mean(layer.name(path), names)}"
    if first["type"] == "value_error":
        return _redacted(f"{name} {first['ctx']['error']}.")
    must_be = MUST_BE.get(first["type"], "valid").format(**first.get("ctx", {}))
    given = "" if path[0] in secret else f"is {_shown(first['input'])}, but "
    return _redacted(f"{name} {given}must be {must_be}.")


def did_you_mean(given: str, known: Iterable[str], *, cutoff: float = 0.65) -> str:
    """Return the end of a sentence about an unknown name, with the nearest known one; cutoff 1 is the same name."""
    ours = {name.removeprefix("HOGSYNC_"): name for name in known}
    near = difflib.get_close_matches(given.removeprefix("HOGSYNC_"), ours, n=1, cutoff=cutoff)
    return f"; did you mean {ours[near[0]]}?" if near else "."


def _source(path: Steps, layers: Sequence[Layer]) -> Layer:
    """Return the layer that sets the longest part of `path`: a section may be set as a whole."""
    for length in range(len(path), 0, -1):
        for layer in layers:
            if layer.has(path[:length]):
                return layer
    return Layer("by default", {})


def _beside(other: Steps, path: Steps) -> Steps:
    """Return `other` with NAME replaced by the group's name in `path`."""
    return tuple(mine if step == "NAME" else step for step, mine in zip(other, (*path, *other), strict=False))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _redacted(sentence: str) -> str:
    """Return `sentence` without a key or a password that was written into the wrong setting."""
    return re.sub(r"\b(ph[a-z]_)\w{6,}", r"\1…", re.sub(r"//[^/\s]*@", "//…@", sentence))
