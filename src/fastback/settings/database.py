"""Settings of the database, Redis, socket connections and the stored configuration."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.field import describe
from fastback.settings.telemetry import TelemetrySettings


class DatabaseSettings(TelemetrySettings, frozen=True, kw_only=True):
    """Database"""

    database_url: Annotated[
        str,
        describe("Database to use: `sqlite:///path` or `postgresql://…`; `webui.db` in the data directory when empty."),
    ] = ""
    database_type: Annotated[
        str,
        describe(
            "Type of the database, such as `postgresql`. When this and the five settings below are "
            "all set, they form the URL and override `DATABASE_URL`."
        ),
    ] = ""
    database_user: Annotated[str, describe("User name, part of the database URL.")] = ""
    database_password: Annotated[str, describe("Password, part of the database URL.")] = ""
    database_host: Annotated[str, describe("Host name, part of the database URL.")] = ""
    database_port: Annotated[str, describe("Port, part of the database URL.")] = ""
    database_name: Annotated[str, describe("Name of the database, part of the database URL.")] = ""
    database_schema: Annotated[str | None, describe("PostgreSQL schema that contains the tables.")] = None
    database_pool_size: Annotated[
        int | None, describe("Number of PostgreSQL connections that stay open; 10 when unset.", minimum=0)
    ] = None
    database_pool_max_overflow: Annotated[
        int | None, describe("Number of additional PostgreSQL connections under load.", minimum=0)
    ] = 0
    database_pool_timeout: Annotated[
        int | None, describe("Seconds to wait for a free PostgreSQL connection.", minimum=0)
    ] = 30
    database_pool_recycle: Annotated[
        int | None, describe("Seconds after which an idle PostgreSQL connection is replaced.")
    ] = 3600
    fastback_database_outage_wait: Annotated[
        float,
        describe(
            "Seconds that requests wait while PostgreSQL restarts, before they are answered with 503; in an outage "
            "that lasts longer they are answered at once.",
            minimum=0,
        ),
    ] = 5.0
    fastback_database_start_wait: Annotated[
        float, describe("Seconds that a start waits for a PostgreSQL server that is not up yet.", minimum=0)
    ] = 30.0
    fastback_database_statement_timeout: Annotated[
        float,
        describe(
            "Seconds after which PostgreSQL cancels a statement, which is answered with 503; 0 for no limit. The "
            "creation of indexes, changes of large texts and of many rows have no limit.",
            minimum=0,
        ),
    ] = 60.0
    fastback_database_lock_timeout: Annotated[
        float,
        describe(
            "Seconds that a statement waits while another program locks a table or a row of PostgreSQL, before it is "
            "answered with 503; 0 for no limit.",
            minimum=0,
        ),
    ] = 10.0
    database_enable_sqlite_wal: Annotated[bool, describe("Use the write-ahead log of SQLite.")] = True
    database_sqlite_pragma_synchronous: Annotated[
        str,
        describe(
            "SQLite pragma `synchronous`: `OFF`, `NORMAL`, `FULL` or `EXTRA`; `NORMAL` when empty.",
            pattern=r"(?i)off|normal|full|extra|[0-3]|",
        ),
    ] = ""
    database_sqlite_pragma_busy_timeout: Annotated[
        str,
        describe(
            "Milliseconds to wait while another program locks the SQLite file; 30 seconds when empty.", pattern=r"\d+|"
        ),
    ] = ""
    database_sqlite_pragma_cache_size: Annotated[
        str,
        describe(
            "Pages that each SQLite connection caches; a negative number is in KiB. When empty, all connections "
            "together take about 6 MB.",
            pattern=r"-?\d+|",
        ),
    ] = ""
    database_sqlite_pragma_temp_store: Annotated[
        str,
        describe(
            "Where SQLite stores temporary data, such as sorted rows: `DEFAULT`, `FILE` or `MEMORY`; "
            "`MEMORY` when empty.",
            pattern=r"(?i)default|file|memory|[0-2]|",
        ),
    ] = ""
    database_sqlite_pragma_mmap_size: Annotated[
        str, describe("Bytes of the SQLite file that are mapped into memory; none when empty.", pattern=r"\d+|")
    ] = ""
    database_sqlite_pragma_journal_size_limit: Annotated[
        str,
        describe(
            "Bytes that the write-ahead log file keeps after a checkpoint; its whole size when empty.",
            pattern=r"-?\d+|",
        ),
    ] = ""
    database_user_active_status_update_interval: Annotated[
        float,
        describe(
            "Seconds between two updates of the time a user was last active; 0 updates it at every check.", minimum=0
        ),
    ] = 60.0

    @property
    def database_sqlite_pragmas(self) -> dict[str, str]:
        """Return the SQLite pragmas that are set, by name."""
        prefix = "database_sqlite_pragma_"
        pragmas = {name: getattr(self, name) for name in self.__struct_fields__ if name.startswith(prefix)}
        return {name.removeprefix(prefix): value for name, value in pragmas.items() if value}


class RedisSettings(DatabaseSettings, frozen=True, kw_only=True):
    """Redis"""

    enable_redis: Annotated[bool, describe("Use Redis when `REDIS_URL` is set.")] = True
    redis_url: Annotated[
        str, describe("URL of the Redis server that the processes of an installation share, also with Open WebUI.")
    ] = ""
    redis_key_prefix: Annotated[str, describe("Prefix of all keys in Redis.")] = "open-webui"
    redis_cluster: Annotated[bool, describe("Treat `REDIS_URL` as a Redis cluster.")] = False
    redis_sentinel_hosts: Annotated[
        str,
        describe(
            "Host names of Redis sentinels, separated by `,`; the host in `REDIS_URL` is then the name of the service."
        ),
    ] = ""
    redis_sentinel_port: Annotated[int, describe("Port of the sentinels.", minimum=0, maximum=65535)] = 26379
    redis_sentinel_max_retry_count: Annotated[
        int, describe("Number of attempts while the sentinels elect a new master.", minimum=1)
    ] = 2
    redis_socket_connect_timeout: Annotated[
        float | None, describe("Seconds to wait for a connection to Redis; 1 when unset.")
    ] = None
    redis_socket_timeout: Annotated[
        float | None, describe("Seconds to wait for a response from Redis; 1 when unset.")
    ] = None
    redis_socket_keepalive: Annotated[bool, describe("Keep idle connections to Redis open with TCP keepalive.")] = False
    redis_health_check_interval: Annotated[
        int | None, describe("Seconds without use after which a Redis connection is tested before it is used again.")
    ] = None
    redis_reconnect_delay: Annotated[
        float | None, describe("Milliseconds between the attempts of `REDIS_SENTINEL_MAX_RETRY_COUNT`.")
    ] = None

    @property
    def uses_redis(self) -> bool:
        """Return whether Redis is enabled and has a URL."""
        return self.enable_redis and bool(self.redis_url)

    @property
    def redis_options(self) -> dict[str, float | bool]:
        """Return the connection options that are set, under the names of redis-py."""
        options: dict[str, float | bool | None] = {
            "socket_connect_timeout": self.redis_socket_connect_timeout,
            "socket_timeout": self.redis_socket_timeout,
            "socket_keepalive": self.redis_socket_keepalive or None,
            "health_check_interval": self.redis_health_check_interval or None,
        }
        return {name: value for name, value in options.items() if value is not None}


class SocketSettings(RedisSettings, frozen=True, kw_only=True):
    """Socket connections"""

    enable_websocket_support: Annotated[bool, describe("Allow WebSocket connections besides long polling.")] = True
    websocket_manager: Annotated[
        str, describe("`redis` sends socket messages to other processes on the same Redis, too.")
    ] = ""
    websocket_redis_url: Annotated[
        str, describe("URL of the Redis server for socket messages; `REDIS_URL` when unset.")
    ] = ""
    websocket_redis_cluster: Annotated[
        bool | None, describe("Treat `WEBSOCKET_REDIS_URL` as a cluster; the value of `REDIS_CLUSTER` when unset.")
    ] = None
    websocket_redis_options: Annotated[
        str, describe("Connection options for `WEBSOCKET_REDIS_URL`, as a JSON object.")
    ] = ""
    websocket_redis_lock_timeout: Annotated[
        int,
        describe(
            "Seconds after which a lock in `WEBSOCKET_REDIS_URL` expires.",
            minimum=1,
            no_effect="leases expire with the work that they are for",
        ),
    ] = 60
    websocket_sentinel_hosts: Annotated[
        str, describe("Host names of the sentinels for `WEBSOCKET_REDIS_URL`, separated by `,`.")
    ] = ""
    websocket_sentinel_port: Annotated[
        int, describe("Port of the sentinels for `WEBSOCKET_REDIS_URL`.", minimum=0, maximum=65535)
    ] = 26379
    websocket_server_logging: Annotated[
        bool, describe("Log the activity of the socket server, but never the content of messages.")
    ] = False
    websocket_server_engineio_logging: Annotated[
        bool | None,
        describe("Also log the connections of the socket server; the value of `WEBSOCKET_SERVER_LOGGING` when unset."),
    ] = None
    websocket_server_ping_interval: Annotated[int, describe("Seconds between two pings to a browser.", minimum=1)] = 25
    websocket_server_ping_timeout: Annotated[
        int, describe("Seconds that a browser may take to reply to a ping.", minimum=1)
    ] = 20
    websocket_heartbeat_interval: Annotated[
        int | None, describe("Seconds between two heartbeats of the web interface, limited to 5 to 90.")
    ] = None
    websocket_event_caller_timeout: Annotated[
        int | None, describe("Seconds that a browser may take to reply to a question from the server; 300 when unset.")
    ] = None
    fastback_max_sockets: Annotated[
        int, describe("Number of sockets that may be open at once; further ones are refused with 503.", minimum=1)
    ] = 10_000
    fastback_max_sockets_per_address: Annotated[
        int,
        describe(
            "Number of sockets that may be open from one address. All clients behind a proxy that sends no"
            " `X-Forwarded-For` have one address.",
            minimum=1,
        ),
    ] = 1_000
    fastback_max_stranger_sockets: Annotated[
        int,
        describe(
            "Number of sockets on which no user has signed in; when there are more, the oldest is closed.", minimum=1
        ),
    ] = 100
    fastback_socket_sign_in_timeout: Annotated[
        float, describe("Seconds after which a socket is closed on which no user has signed in.", minimum=1)
    ] = 30
    fastback_max_socket_backlog: Annotated[
        int,
        describe(
            "Bytes that may wait for a browser that does not read them; then its socket is closed.", minimum=1_048_576
        ),
    ] = 8 * 1024 * 1024

    @property
    def may_span_processes(self) -> bool:
        """Return whether a Redis is named over which other processes of the installation are met."""
        return self.uses_redis or bool(self.websocket_manager == "redis" and self.websocket_redis_url)


class StoredConfigSettings(SocketSettings, frozen=True, kw_only=True):
    """Stored configuration"""

    enable_persistent_config: Annotated[
        bool, describe("Store the configuration that administrators change in the database.")
    ] = True
    enable_oauth_persistent_config: Annotated[bool, describe("Store the OAuth configuration in the database, too.")] = (
        False
    )
    reset_config_on_start: Annotated[bool, describe("Delete the stored configuration at start.")] = False
