"""dlt's Postgres destination, on connections that are made as hogsync makes its own."""

from __future__ import annotations

from typing import Any

import psycopg2
from dlt.common.configuration import configspec
from dlt.destinations.impl.postgres.configuration import PostgresCredentials
from dlt.destinations.impl.postgres.factory import postgres
from dlt.destinations.impl.postgres.postgres import PostgresClient
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient


class Destination(postgres):
    """dlt's destination with other connections; datasets of both are the same."""

    destination_type = "dlt.destinations.postgres"

    @property
    def client_class(self) -> type[PostgresClient]:
        """Return the client that makes dlt's connections."""
        return _Client


class _Client(PostgresClient):
    def __init__(self, schema: Any, config: Any, capabilities: Any) -> None:
        super().__init__(schema, config, capabilities)
        names = self.sql_client.dataset_name, self.sql_client.staging_dataset_name
        self.sql_client = _SqlClient(*names, config.credentials, capabilities)


class _SqlClient(Psycopg2SqlClient):
    def open_connection(self) -> Any:
        """Connect without an option for the search path, which poolers may refuse: dlt qualifies every name."""
        self._conn = psycopg2.connect(self.credentials.to_native_representation())
        self._reset_connection()
        return self._conn


@configspec(init=False)
class _Credentials(PostgresCredentials):
    def to_native_representation(self) -> str:
        return str(self.password)


def credentials(connection_string: str, database: str) -> PostgresCredentials:
    """Return credentials that only hold how to connect; the parts that dlt requires are placeholders."""
    made = _Credentials()
    made_up = {"host": "as-configured", "username": "as-configured"}
    made.update({**made_up, "database": database, "password": connection_string})
    made.resolve()  # otherwise dlt converts it to its own class
    return made
