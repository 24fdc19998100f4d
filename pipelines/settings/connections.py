"""The connections of the settings: their keys and datasets, and what is refused about them.

Without `[connections]` the POSTHOG_… settings are the only connection, called `default`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pydantic import SecretStr

from pipelines.errors import UsageError
from pipelines.settings import hosts, parse
from pipelines.settings.layers import did_you_mean, text_of
from pipelines.settings.sections import ConnectionSettings, GroupSettings
from sources.posthog.client.origin import origin_of

DEFAULT = "default"
Connections = Mapping[str, ConnectionSettings]


def dataset_of(name: str, connection: ConnectionSettings, default: str) -> str:
    """Return the schema of a connection; `default` is HOGSYNC_DATASET, for the connection of that name."""
    own = default if name == DEFAULT else f"posthog_{name.replace('-', '_')}"
    return connection.dataset or own


def pinned(
    connections: Connections, default_dataset: str, *, allow_http: bool
) -> dict[str, ConnectionSettings]:
    """Return the connections with normal hosts; raises ValueError for a host or a dataset that cannot be."""
    result = {}
    for name, connection in connections.items():
        try:
            host = origin_of(connection.host, allow_http=allow_http)
        except ValueError as error:
            raise ValueError(f"has a connection {name} whose host {error}") from None
        try:
            dataset = parse.dataset(dataset_of(name, connection, default_dataset))
        except ValueError as error:
            raise ValueError(f"has a connection {name} whose dataset {error}") from None
        if connection.key_env and connection.key_file:
            raise ValueError(f"has a connection {name} with a key_env and a key_file; leave one of them out")
        result[name] = connection.model_copy(update={"host": host, "dataset": dataset})
    return result


def refuse_shared_dataset(connections: Connections) -> None:
    """Raise UsageError for two connections with one dataset: their rows would have the same keys."""
    for dataset, number in Counter(one.dataset for one in connections.values()).items():
        if number > 1:
            names = " and ".join(name for name, one in connections.items() if one.dataset == dataset)
            raise UsageError(
                f"The connections {names} have one dataset, {dataset}; each needs its own: set another one by "
                "[connections.NAME] dataset."
            )


def refuse_unknown(connections: Connections, groups: Mapping[str, GroupSettings]) -> None:
    """Raise UsageError for a group that names a connection that there is not."""
    known = [*(connections or [DEFAULT])]
    for group, settings in groups.items():
        for name in settings.connections:
            if name not in known:
                raise UsageError(
                    f"The group {group} names the connection {name}, which there is not{did_you_mean(name, known)}"
                )


def keys_of(
    connections: Connections, variables: Mapping[str, str]
) -> tuple[dict[str, SecretStr], dict[str, str]]:
    """Return the personal API keys by connection, and why others have none: a wrong key stops no other connection."""
    keys, problems = {}, {}
    for name, connection in connections.items():
        try:
            keys[name] = SecretStr(_key_of(name, connection, variables))
        except UsageError as problem:
            problems[name] = str(problem)
    return keys, problems


def _key_of(name: str, connection: ConnectionSettings, variables: Mapping[str, str]) -> str:
    where, text = connection.key_env, variables.get(connection.key_env, "")
    if connection.key_file:
        where = f"key_file of connection {name} is {connection.key_file}, which"
        text = text_of(connection.key_file, where)
    elif not text:
        place = f"into {connection.key_env}, in the environment or in .env"
        if not connection.key_env:
            place = f"into a variable or a file, and name that by [connections.{name}] key_env or key_file"
        raise UsageError(
            f"The key of connection {name} is not set: make a personal API key with read scopes at "
            f"{connection.host}/settings/user-api-keys and put it {place}."
        )
    try:
        return hosts.personal_key(text)
    except ValueError as error:
        raise UsageError(f"{where}, the key of connection {name}, {error}.") from None
