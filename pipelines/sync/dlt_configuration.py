"""Configures dlt for hogsync's own pipeline.

dlt looks for each of its settings in the environment, also under names without a section (DEV_MODE,
DATASET_NAME_LAYOUT), and in `.dlt/config.toml`. Other programs use both, and most of these settings move or change
rows. So the pipeline runs in a run context that knows only `OWN` and the few values of `OPEN`. Outside of `configured`
dlt is as it was; what dlt reads of the environment during its import, `pipelines.sync.load` sets aside.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import ConfigTomlProvider, EnvironProvider
from dlt.common.configuration.providers.provider import ConfigProvider
from dlt.common.configuration.providers.toml import TomlProviderReadException
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.runtime.run_context import RunContext

log = logging.getLogger("hogsync")


def _count(value: str) -> int:
    if (number := int(value)) < 1:
        raise ValueError
    return number


def _level(value: str) -> str:
    if value.upper() not in logging.getLevelNamesMapping():
        raise ValueError
    return value.upper()


OWN: Mapping[str, Any] = {
    "normalize.parquet_normalizer.add_dlt_load_id": True,
    "data_writer.file_max_items": 100_000,  # ADBC reads a file as a whole: a million rows in one took 70 MB more
    "load.workers": 4,
    "load.truncate_staging_dataset": True,
    "load.raise_on_max_retries": 5,
    "schema.naming": "direct",  # for a schema that has no naming of its own yet; see `sources.posthog.resource`
    "runtime.log_level": "CRITICAL",  # its warnings are about hints that are intended
    "runtime.dlthub_telemetry": False,
    "providers.enable_airflow_secrets": False,
}
"""Values that hogsync needs and that differ from dlt's defaults."""
OPEN: Mapping[str, Callable[[str], Any]] = {
    "data_writer.buffer_max_items": _count,
    "data_writer.file_max_bytes": _count,
    "data_writer.file_max_items": _count,
    "load.workers": _count,
    "runtime.log_level": _level,
}
"""Settings that users may set where dlt looks for them, by full name; none of them moves or changes a row."""


@contextmanager
def configured(folder: Path) -> Iterator[None]:
    """Make dlt use this configuration only; dlt writes files without a place of their own to `folder`."""
    with Container().injectable_context(PluggableRunContext(_OwnContext(folder))):
        yield


class _OwnContext(RunContext):
    """A run context that looks for settings and writes files in one folder only; ignores DLT_… variables."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._folder = str(folder)

    @property
    def run_dir(self) -> str:
        return self._folder

    local_dir = data_dir = global_dir = run_dir

    @property
    def module(self) -> None:
        """Return None: otherwise dlt would import any module that has the folder's name."""

    def initial_providers(self) -> list[ConfigProvider]:
        return [_OwnProvider({**OWN, **_set_by_others()})]


class _OwnProvider(ConfigProvider):
    """A provider of values by their full names."""

    name = "hogsync"
    supports_secrets = True
    supports_sections = True

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def get_value(
        self,
        key: str,
        hint: type[Any],  # noqa: ARG002  values have their types already
        pipeline_name: str | None,
        *sections: str,
    ) -> tuple[Any, str]:
        name = ".".join((*sections, key))
        return (None if pipeline_name else self._values.get(name)), name


def _set_by_others() -> dict[str, Any]:
    """Return the OPEN settings found in the environment or `.dlt/config.toml`; logs and leaves out invalid values."""
    found, providers = {}, _usual_providers()
    for name, parsed in OPEN.items():
        *sections, key = name.split(".")
        asked = [provider.get_value(key, str, None, *sections) for provider in providers]
        value, place = next((one for one in asked if one[0] is not None), (None, name))
        if value is None:
            continue
        try:
            found[name] = parsed(str(value))
        except ValueError:
            log.warning("dlt's setting %s is left out: it cannot be %.60r.", place, str(value))
    return found


def _usual_providers() -> list[ConfigProvider]:
    """Return the providers that dlt itself uses for settings that are not secret."""
    usual = RunContext(None)
    try:
        return [EnvironProvider(), ConfigTomlProvider(usual.settings_dir, usual.global_dir)]
    except TomlProviderReadException as error:
        log.warning("dlt's configuration is left out: %s is no TOML.", " or ".join(error.full_paths))
        return [EnvironProvider()]
