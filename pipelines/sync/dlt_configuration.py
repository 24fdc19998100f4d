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
    "data_writer.file_max_items": 100_000,  # ADBC reads a file whole: a million rows in one took 70 MB more
    "load.workers": 4,
    "load.truncate_staging_dataset": True,
    "load.raise_on_max_retries": 5,
    "schema.naming": "direct",  # of a schema that has none of its own yet; see `sources.posthog.resource`
    "runtime.log_level": "CRITICAL",  # its warnings are about hints that are meant so
    "runtime.dlthub_telemetry": False,
    "providers.enable_airflow_secrets": False,
}
"""What hogsync needs of dlt other than dlt's defaults."""
OPEN: Mapping[str, Callable[[str], Any]] = {
    "data_writer.buffer_max_items": _count,
    "data_writer.file_max_bytes": _count,
    "data_writer.file_max_items": _count,
    "load.workers": _count,
    "runtime.log_level": _level,
}
"""What may be set where dlt itself looks for it, under its full name; none of it can move or change a row."""


@contextmanager
def configured(folder: Path) -> Iterator[None]:
    """Have dlt know this configuration alone; `folder` is where it leaves files that have no place of their own."""
    with Container().injectable_context(PluggableRunContext(_OwnContext(folder))):
        yield


class _OwnContext(RunContext):
    """Where dlt looks for settings and writes files: nowhere but in one folder, whatever DLT_… variables say."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._folder = str(folder)

    @property
    def run_dir(self) -> str:
        return self._folder

    local_dir = data_dir = global_dir = run_dir

    @property
    def module(self) -> None:
        """None: dlt would import whatever bears the folder's name."""

    def initial_providers(self) -> list[ConfigProvider]:
        return [_OwnProvider({**OWN, **_set_by_others()})]


class _OwnProvider(ConfigProvider):
    """Values by their full names."""

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
    """What of OPEN is set in the environment or a `.dlt/config.toml`; what makes no sense is told and left out."""
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
    """Where dlt itself looks for what is not secret."""
    usual = RunContext(None)
    try:
        return [EnvironProvider(), ConfigTomlProvider(usual.settings_dir, usual.global_dir)]
    except TomlProviderReadException as error:
        log.warning("dlt's configuration is left out: %s is no TOML.", " or ".join(error.full_paths))
        return [EnvironProvider()]
