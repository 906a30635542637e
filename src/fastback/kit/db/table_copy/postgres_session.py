"""A connection to PostgreSQL without time limits, whose errors are those of `kit.db.errors`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from fastback.kit.db.errors import DatabaseError
from fastback.kit.db.pool_options import PoolOptions
from fastback.kit.db.postgres_connector import PostgresConnector
from fastback.kit.db.postgres_errors import DRIVER_ERRORS, describe_error, is_connection_lost, translate_error

T = TypeVar("T")


class PostgresSession:
    """Statements on one connection, where tables are in `schema`, or in the schema of the server's settings.

    Raises (every method):
        DatabaseError: a statement fails, or the connection is lost.
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @classmethod
    async def open(cls, url: str, schema: str | None) -> PostgresSession:
        """Connect to the database at a URL."""
        address = "postgresql://" + url.partition("://")[2]
        try:
            connector = PostgresConnector(address, PoolOptions(), schema=schema)
            return cls(await connector.connect(limited=False))
        except (*DRIVER_ERRORS, ValueError) as error:
            raise DatabaseError(f"cannot connect to PostgreSQL: {describe_error(error)}") from error

    async def run(self, name: str, running: Awaitable[T]) -> T:
        """Return what a call of the connection returns."""
        with self._translate_errors(name):
            return await running

    async def fetch(self, name: str, text: str, *arguments: Any) -> list[Any]:
        """Return the rows of a statement."""
        rows: list[Any] = await self.run(name, self.connection.fetch(text, *arguments))
        return rows

    async def run_statement(self, name: str, text: str, *arguments: Any) -> int:
        """Run a statement, and return the number of rows that it changed."""
        status: str = await self.run(name, self.connection.execute(text, *arguments))
        count = status.rsplit(" ", 1)[-1]
        return int(count) if count.isdigit() else 0

    @asynccontextmanager
    async def transaction(self, name: str, **options: Any) -> AsyncIterator[None]:
        """Commit the statements of the block together, or none of them."""
        with self._translate_errors(name):
            async with self.connection.transaction(**options):
                yield

    @contextmanager
    def _translate_errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except DRIVER_ERRORS as error:
            raise translate_error(error, name, is_lost=is_connection_lost(error)) from error

    async def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        try:
            await self.connection.close(timeout=5)
        except DRIVER_ERRORS:
            self.connection.terminate()
