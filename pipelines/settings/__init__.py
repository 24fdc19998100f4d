"""Everything that can be set, and the only place that reads the environment, `.env` and `hogsync.toml`.

Precedence: `load(overrides)` > environment > `.env` > `hogsync.toml` > the defaults here and in `sections`. A setting
has one name, its environment variable (`HOGSYNC_<SECTION>__<KEY>`); the docstring below it says what it means.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from destinations.staging import staging_of
from pipelines.errors import UsageError
from pipelines.settings import connections, dot_env, hosts, parse
from pipelines.settings.hash_key import kept_hash_key
from pipelines.settings.hosts import WarehouseUrl
from pipelines.settings.layers import Layer, complaint, did_you_mean, merged, nested, text_of, toml_file
from pipelines.settings.reference import settings_reference
from pipelines.settings.sections import (
    AlertsSettings,
    ConnectionSettings,
    GroupSettings,
    HistorySettings,
    ListsSettings,
    LogSettings,
    PrivacySettings,
    ProjectsSettings,
    PublishSettings,
    RateSettings,
    SelectionSettings,
    ServiceSettings,
    SyncSettings,
    WarehouseSettings,
    WatchSettings,
    plain_names,
)
from sources.posthog.client.origin import origin_of

KEY = "POSTHOG_PERSONAL_API_KEY"
SECRET = frozenset({KEY, "WAREHOUSE_URL", "HOGSYNC_HASH_KEY"})
"""Each can be set by a file, too, whose name is in the variable `…_FILE`."""
SECRET_KEYS = {"HOGSYNC_ALERTS": "HOGSYNC_ALERTS__URLS", "HOGSYNC_SERVICE": "HOGSYNC_SERVICE__PING"}
"""Sections with a secret in them, each with that setting."""
DOT_ENV = Path(".env")
OTHERS, SURE = ("POSTHOG_", "WAREHOUSE_"), 0.9
"""Prefixes that other programs' variables have, too, and how near to a setting of ours is certainly misspelt."""
# What may carry our prefix without being ours: the switches of the test suite, and what Kubernetes puts into
# every pod for a Service whose name begins with hogsync.
FOREIGN = re.compile(r"HOGSYNC_(TEST_\w+|(\w+_)?SERVICE_(HOST|PORT)(_\w+)?|(\w+_)?PORT(_\d+_\w+)?)")

Location = Annotated[Path, AfterValidator(parse.location)]
Key = Annotated[SecretStr, BeforeValidator(hosts.personal_key)]
HashKey = Annotated[SecretStr, BeforeValidator(parse.long_secret)]


def setting(name: str, default: object = None) -> Any:
    """A field of `Settings`, known everywhere by its environment variable."""
    return Field(default=default, validation_alias=name)


class Settings(BaseModel):
    """All settings, checked; safe to print, because whatever is secret hides itself."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        hide_input_in_errors=True,
    )

    insecure_http: bool = setting("HOGSYNC_INSECURE_HTTP", default=False)
    """1 allows plain http to a POSTHOG_HOST that is not this machine: the key then travels unencrypted."""
    origin: str = setting("POSTHOG_HOST", "https://us.posthog.com")
    """The PostHog to read: https://us.posthog.com, https://eu.posthog.com or your own."""
    key: Key | None = setting(KEY)
    """The personal API key (phx_…) to read with; `hogsync check` says which scopes it lacks."""
    key_file: Location | None = setting(f"{KEY}_FILE")
    """A file that holds the key instead, such as a Docker or Kubernetes secret."""
    warehouse: Annotated[WarehouseUrl, BeforeValidator(WarehouseUrl.parse)] = setting(
        "WAREHOUSE_URL", "duckdb:///hogsync.duckdb"
    )
    """Where the rows go: duckdb:///file, duckdb:////absolute/file or postgresql://user:password@host/database."""
    warehouse_file: Location | None = setting("WAREHOUSE_URL_FILE")
    """A file that holds the URL instead, because it has a password."""
    dataset: Annotated[str, AfterValidator(parse.dataset)] = setting("HOGSYNC_DATASET", "posthog")
    """The schema in the warehouse; one for each PostHog, and not the name of the DuckDB file."""
    hash_key: HashKey | None = setting("HOGSYNC_HASH_KEY")
    """The secret of the hashes, 16 characters or more, to be kept; unset: a random one is made in HOGSYNC_HOME."""
    hash_key_file: Location | None = setting("HOGSYNC_HASH_KEY_FILE")
    """A file that holds the secret of the hashes instead."""
    config: Location = setting("HOGSYNC_CONFIG", "hogsync.toml")
    """The file with the sections below; it must exist only if this is set."""
    home: Location = setting("HOGSYNC_HOME", ".hogsync")
    """The folder for working files."""
    selection: SelectionSettings = setting("HOGSYNC_SELECTION", SelectionSettings())
    groups: Annotated[dict[str, GroupSettings], AfterValidator(plain_names)] = setting(
        "HOGSYNC_GROUPS", {"all": GroupSettings()}
    )
    connections: Annotated[dict[str, ConnectionSettings], AfterValidator(plain_names)] = setting(
        "HOGSYNC_CONNECTIONS", {}
    )
    projects: ProjectsSettings = setting("HOGSYNC_PROJECTS", ProjectsSettings())
    privacy: PrivacySettings = setting("HOGSYNC_PRIVACY", PrivacySettings())
    rate: RateSettings = setting("HOGSYNC_RATE", RateSettings())
    lists: ListsSettings = setting("HOGSYNC_LISTS", ListsSettings())
    history: HistorySettings = setting("HOGSYNC_HISTORY", HistorySettings())
    log: LogSettings = setting("HOGSYNC_LOG", LogSettings())
    service: ServiceSettings = setting("HOGSYNC_SERVICE", ServiceSettings())
    sync: SyncSettings = setting("HOGSYNC_SYNC", SyncSettings())
    alerts: AlertsSettings = setting("HOGSYNC_ALERTS", AlertsSettings())
    watch: Annotated[dict[str, WatchSettings], AfterValidator(plain_names)] = setting("HOGSYNC_WATCH", {})
    warehouse_options: WarehouseSettings = setting("HOGSYNC_WAREHOUSE", WarehouseSettings())
    publish: PublishSettings = setting("HOGSYNC_PUBLISH", PublishSettings())
    _origin_name: str = PrivateAttr(default="")
    _connection: str = PrivateAttr(default="")
    _keys: dict[str, SecretStr] = PrivateAttr(default_factory=dict)
    _no_keys: dict[str, str] = PrivateAttr(default_factory=dict)

    @field_validator("origin")
    @classmethod
    def _pinned_origin(cls, value: str, info: ValidationInfo) -> str:
        return origin_of(value, allow_http=info.data.get("insecure_http", False))

    @field_validator("connections")
    @classmethod
    def _pinned_hosts(
        cls, value: dict[str, ConnectionSettings], info: ValidationInfo
    ) -> dict[str, ConnectionSettings]:
        allow_http = info.data.get("insecure_http", False)
        return connections.pinned(value, info.data.get("dataset", ""), allow_http=allow_http)

    @model_validator(mode="after")
    def _names_apart(self) -> Self:
        for dataset in self.datasets:
            _refuse_one_name(self.warehouse, dataset)
        connections.refuse_shared_dataset(self.connections)
        connections.refuse_unknown(self.connections, self.groups)
        return self

    @property
    def connection_name(self) -> str:
        """Which PostHog these settings are for: the name of a connection, or `default`."""
        return self._connection or connections.DEFAULT

    def connection(self, name: str) -> Self:
        """These settings for one of the connections; UsageError if there is none of this name."""
        if name == connections.DEFAULT and not self.connections:
            return self
        own = self.connections.get(name)
        if own is None:
            near = did_you_mean(name, self.connections or [connections.DEFAULT])
            raise UsageError(f"There is no connection {name or repr(name)}{near}")
        update = {
            "origin": own.host,
            "key": self._keys.get(name),
            "dataset": own.dataset,
            "projects": ProjectsSettings(only=own.projects),
            "rate": self.rate.model_copy(update=own.rate.model_dump(exclude_none=True)),
        }
        copy = self.model_copy(update=update)
        copy._connection = name  # noqa: SLF001
        return copy

    def each_connection(self, names: Collection[str] = ()) -> tuple[Self, ...]:
        """These settings for each of these connections, or for all; UsageError for one that is unknown."""
        if self._connection:
            return (self,)
        return tuple(self.connection(name) for name in names or self.connections or [connections.DEFAULT])

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets of all connections in the warehouse."""
        return tuple(one.dataset for one in self.connections.values()) or (self.dataset,)

    @property
    def origin_name(self) -> str:
        """Whose rows these are, as the warehouse records it: the origin, or `sandbox` whatever its port."""
        return self._origin_name or self.origin

    @property
    def options(self) -> str:
        """The option with which `hogsync sync` reads this PostHog, after a blank; empty if it needs none."""
        if self._origin_name:
            return " --sandbox"
        return f" --connection {self._connection}" if self._connection else ""

    @property
    def wait(self) -> float:
        """Seconds to wait for a held warehouse; may be infinite."""
        return self.warehouse_options.wait

    @property
    def parallel(self) -> int:
        """How many connections may be synced at the same time."""
        return self.warehouse_options.parallel if self.warehouse.kind == "postgresql" else 1

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that must never be printed, logged or stored."""
        held = (self.key, self.hash_key, *self._keys.values(), *self.alerts.urls, self.service.ping)
        own = [secret.get_secret_value() for secret in held if secret]
        return (*own, *self.warehouse.secrets)

    def require_key(self) -> SecretStr:
        """The key, or UsageError with the way to one."""
        if self.key is None and self.connections:
            names = ", ".join(self.connections)
            several = f"Name one of the connections, {names}: each has a key of its own."
            raise UsageError(self._no_keys.get(self._connection, several))
        if self.key is None:
            raise UsageError(
                "No PostHog key is set: make a personal API key with read scopes at "
                f"{self.origin}/settings/user-api-keys and put {KEY}=phx_… into .env, "
                "or try everything without a key by hogsync sync --sandbox."
            )
        return self.key

    def hash_key_bytes(self) -> bytes:
        """The secret of the hashes: the one that is set, else the one kept in HOGSYNC_HOME."""
        return self.hash_key.get_secret_value().encode() if self.hash_key else kept_hash_key(self.home)

    def for_sandbox(self, url: str, key: str) -> Self:
        """These settings for a sandbox at `url`: its own file, told to nobody, all projects, recorded as one origin."""
        warehouse = WarehouseUrl.parse("duckdb:///sandbox.duckdb")
        _refuse_one_name(warehouse, self.dataset)
        own = {
            "origin": url.rstrip("/"),
            "key": SecretStr(key),
            "warehouse": warehouse,
            "projects": ProjectsSettings(),
            "connections": {},
            "publish": PublishSettings(),
            "alerts": AlertsSettings(),
            "service": ServiceSettings(),
        }
        copy = self.model_copy(update=own)
        copy._origin_name = "sandbox"  # noqa: SLF001
        return copy


def load(overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this process; UsageError with one sentence for anything wrong.

    `overrides` is by environment name, a section being a mapping:
    `{"WAREHOUSE_URL": "…", "HOGSYNC_PRIVACY": {"person": "hash"}}`.
    """
    _refuse_lost_folder()
    # A folder named `.env` may be a virtual environment, and counts as no file.
    text = "" if DOT_ENV.is_dir() else text_of(DOT_ENV, ".env", optional=True)
    in_dot_env = dot_env.variables(text, os.environ)
    layers = [
        Layer("as given", dict(overrides or {})),
        _variables("in the environment", os.environ),
        _variables("in .env", in_dot_env),
    ]
    layers.append(toml_file(merged(layers).get("HOGSYNC_CONFIG"), SECTIONS))
    layers += [_secret_file(name, merged(layers)) for name in sorted(SECRET)]
    holding_keys = _key_variables(merged(layers))
    layers = [layer.without(holding_keys - PLAIN) for layer in layers]
    try:
        settings = Settings(**merged(layers))
    except ValidationError as error:
        secret = SECRET | SECRET_KEYS.keys()
        raise UsageError(complaint(error, layers, [entry.steps for entry in SETTINGS], secret)) from None
    dot_env.warn_of_readers(DOT_ENV, _secrets_in(in_dot_env, holding_keys))
    variables = in_dot_env | {name: value for name, value in os.environ.items() if value}
    settings._keys, settings._no_keys = connections.keys_of(settings.connections, variables)  # noqa: SLF001
    return settings


def _refuse_lost_folder() -> None:
    """UsageError in a folder that somebody has removed: relative paths lead nowhere there."""
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError(
            f"The current folder was removed, or may not be read ({error.strerror}); change into another one."
        ) from None


def _key_variables(given: Mapping[str, Any]) -> frozenset[str]:
    """The names of the variables that hold the connections' keys: they are no settings, whatever they begin with."""
    found = given.get("HOGSYNC_CONNECTIONS")
    sections = found.values() if isinstance(found, Mapping) else ()
    named = (section.get("key_env") for section in sections if isinstance(section, Mapping))
    return frozenset(name.upper() for name in named if isinstance(name, str))


def _secrets_in(variables: Mapping[str, str], holding_keys: Collection[str]) -> list[str]:
    """The names of those variables that hold a secret; the path of a DuckDB file is none."""
    secret = SECRET | {*holding_keys, *SECRET_KEYS.values()}
    held = {name.upper(): value for name, value in variables.items() if value and name.upper() in secret}
    return [name for name, value in held.items() if not value.startswith("duckdb:")]


def _variables(where: str, given: Mapping[str, str]) -> Layer:
    """What `given` says about hogsync; an empty variable counts as not set, as compose files pass such ones on."""
    ours = {name.upper(): value for name, value in given.items() if value and _is_meant(name.upper())}
    for name, value in ours.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{name} {where} is not UTF-8; write its value as UTF-8.") from None
    return Layer(where, nested(ours, SECTIONS))


def _is_meant(name: str) -> bool:
    """True for a variable of hogsync, also for a misspelt one: validation then refuses it with the nearest name."""
    if name.startswith("HOGSYNC_"):
        return not FOREIGN.fullmatch(name)
    return name.startswith(OTHERS) and bool(get_close_matches(name, PLAIN, 1, SURE))


def _secret_file(name: str, given: Mapping[str, Any]) -> Layer:
    """What the file in the variable `<name>_FILE` says about the setting `name`."""
    variable = f"{name}_FILE"
    if not given.get(variable):
        return Layer("in no file", {})
    if given.get(name):
        raise UsageError(f"{name} and {variable} are both set; leave one of them out.")
    path = parse.location(Path(given[variable]))
    return Layer(f"in {path}", {name: text_of(path, f"{variable} is {path}, which")})


def _refuse_one_name(warehouse: WarehouseUrl, dataset: str) -> None:
    """DuckDB takes `posthog.users` for ambiguous if its file has that name too, or that of dlt's staging."""
    if warehouse.kind == "duckdb" and warehouse.catalog in {dataset, staging_of(dataset)}:
        raise UsageError(
            f"The dataset {dataset} (HOGSYNC_DATASET) and the DuckDB file {warehouse.label} (WAREHOUSE_URL) "
            "have one name, and DuckDB cannot tell them apart; rename one of them."
        )


SETTINGS = tuple(settings_reference(Settings))
PLAIN = frozenset(entry.name for entry in SETTINGS if not entry.toml)
SECTIONS = tuple(dict.fromkeys(entry.steps[0] for entry in SETTINGS if entry.toml))
