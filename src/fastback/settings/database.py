"""Settings: the database, Redis, sockets, the stored configuration."""

from __future__ import annotations

from typing import Annotated

from fastback.settings.field import about
from fastback.settings.server import Headers


class Databases(Headers, frozen=True, kw_only=True):
    """Database"""

    database_url: Annotated[
        str, about("`sqlite:///path` or `postgresql://…`; when empty, `webui.db` in the data directory.")
    ] = ""
    database_type: Annotated[
        str, about("With the five below, where all are given, makes the URL and wins over `DATABASE_URL`.")
    ] = ""
    database_user: Annotated[str, about("Part of the URL.")] = ""
    database_password: Annotated[str, about("Part of the URL.")] = ""
    database_host: Annotated[str, about("Part of the URL.")] = ""
    database_port: Annotated[str, about("Part of the URL.")] = ""
    database_name: Annotated[str, about("Part of the URL.")] = ""
    database_schema: Annotated[str | None, about("Schema of PostgreSQL to use.")] = None
    database_pool_size: Annotated[int | None, about("Connections to PostgreSQL kept; 10 when unset.", least=0)] = None
    database_pool_max_overflow: Annotated[int | None, about("Connections beyond that under load.", least=0)] = 0
    database_pool_timeout: Annotated[int | None, about("Seconds to wait for a connection.", least=0)] = 30
    database_pool_recycle: Annotated[int | None, about("Seconds after which an idle connection is renewed.")] = 3600
    database_enable_sqlite_wal: Annotated[bool, about("Write-ahead log of SQLite.")] = True
    database_sqlite_pragma_synchronous: Annotated[
        str,
        about(
            "Pragma of SQLite: `OFF`, `NORMAL`, `FULL` or `EXTRA`; `NORMAL` when empty.",
            pattern=r"(?i)off|normal|full|extra|[0-3]|",
        ),
    ] = ""
    database_sqlite_pragma_busy_timeout: Annotated[
        str,
        about("Milliseconds to wait for another program that holds the file; 30 seconds when empty.", pattern=r"\d+|"),
    ] = ""
    database_sqlite_pragma_cache_size: Annotated[
        str, about("Pages kept in memory for a connection, below 0 in KiB; `-4096` when empty.", pattern=r"-?\d+|")
    ] = ""
    database_sqlite_pragma_temp_store: Annotated[
        str,
        about(
            "Where SQLite sorts: `DEFAULT`, `FILE` or `MEMORY`; `MEMORY` when empty.",
            pattern=r"(?i)default|file|memory|[0-2]|",
        ),
    ] = ""
    database_sqlite_pragma_mmap_size: Annotated[
        str, about("Bytes of the file that are mapped into memory; none when empty.", pattern=r"\d+|")
    ] = ""
    database_sqlite_pragma_journal_size_limit: Annotated[
        str, about("Bytes that the write-ahead log keeps when it is folded back; all when empty.", pattern=r"-?\d+|")
    ] = ""
    database_user_active_status_update_interval: Annotated[
        float, about("Seconds between notes of when a user was last seen; 0: as often as we look.", least=0)
    ] = 60.0

    @property
    def database_sqlite_pragmas(self) -> dict[str, str]:
        """The pragmas that were chosen, by name."""
        prefix = "database_sqlite_pragma_"
        chosen = {name: getattr(self, name) for name in self.__struct_fields__ if name.startswith(prefix)}
        return {name.removeprefix(prefix): value for name, value in chosen.items() if value}


class Redises(Databases, frozen=True, kw_only=True):
    """Redis"""

    enable_redis: Annotated[bool, about("Use Redis where `REDIS_URL` is set.")] = True
    redis_url: Annotated[str, about("Redis, for limits of sign-ins and ended sessions, as Open WebUI shares them.")] = (
        ""
    )
    redis_key_prefix: Annotated[str, about("Prefix of keys in Redis.")] = "open-webui"
    redis_cluster: Annotated[bool, about("`REDIS_URL` is a cluster.")] = False
    redis_sentinel_hosts: Annotated[
        str, about("Hosts of sentinels, separated by `,`; the host of `REDIS_URL` is the service then.")
    ] = ""
    redis_sentinel_port: Annotated[int, about("Port of the sentinels.", least=0, most=65535)] = 26379
    redis_sentinel_max_retry_count: Annotated[
        int, about("Attempts while the sentinels choose a new master.", least=1)
    ] = 2
    redis_socket_connect_timeout: Annotated[float | None, about("Seconds to wait for a connection.")] = None
    redis_socket_timeout: Annotated[float | None, about("Seconds to wait for an answer.")] = None
    redis_socket_keepalive: Annotated[bool, about("Keep idle connections alive.")] = False
    redis_health_check_interval: Annotated[int | None, about("Seconds of rest after which one is tested first.")] = None
    redis_reconnect_delay: Annotated[float | None, about("Milliseconds between those attempts.")] = None

    @property
    def uses_redis(self) -> bool:
        return self.enable_redis and bool(self.redis_url)

    @property
    def redis_options(self) -> dict[str, float | bool]:
        """The options of a connection that were chosen, as redis-py names them."""
        options: dict[str, float | bool | None] = {
            "socket_connect_timeout": self.redis_socket_connect_timeout,
            "socket_timeout": self.redis_socket_timeout,
            "socket_keepalive": self.redis_socket_keepalive or None,
            "health_check_interval": self.redis_health_check_interval or None,
        }
        return {name: value for name, value in options.items() if value is not None}


class Sockets(Redises, frozen=True, kw_only=True):
    """Sockets"""

    enable_websocket_support: Annotated[bool, about("WebSocket besides long polling.")] = True
    websocket_manager: Annotated[
        str, about("`redis` passes socket events on to other processes on the same Redis.")
    ] = ""
    websocket_redis_url: Annotated[str, about("Redis for socket events; `REDIS_URL` when unset.")] = ""
    websocket_redis_cluster: Annotated[
        bool | None, about("It is a cluster; as `REDIS_CLUSTER` when unset.", idle="waits for several processes")
    ] = None
    websocket_redis_options: Annotated[str, about("Options of its connections, a JSON object.")] = ""
    websocket_redis_lock_timeout: Annotated[
        int, about("Seconds a lock in it lasts.", least=1, idle="waits for several processes")
    ] = 60
    websocket_sentinel_hosts: Annotated[str, about("Hosts of its sentinels, separated by `,`.")] = ""
    websocket_sentinel_port: Annotated[int, about("Port of its sentinels.", least=0, most=65535)] = 26379
    websocket_server_logging: Annotated[bool, about("Log what the socket server does; never what it carries.")] = False
    websocket_server_engineio_logging: Annotated[
        bool | None, about("Log its connections, too; as `WEBSOCKET_SERVER_LOGGING` when unset.")
    ] = None
    websocket_server_ping_interval: Annotated[int, about("Seconds between pings of a socket.", least=1)] = 25
    websocket_server_ping_timeout: Annotated[int, about("Seconds a socket may stay silent after one.", least=1)] = 20
    websocket_heartbeat_interval: Annotated[int | None, about("Seconds between heartbeats of the page, 5 to 90.")] = (
        None
    )
    websocket_event_caller_timeout: Annotated[
        int | None, about("Seconds a page has to answer a question; 300 when unset.")
    ] = None


class Keeping(Sockets, frozen=True, kw_only=True):
    """Stored configuration"""

    enable_persistent_config: Annotated[bool, about("Keep what administrators set in the database.")] = True
    enable_oauth_persistent_config: Annotated[bool, about("Keep settings of OAuth there, too.")] = False
    reset_config_on_start: Annotated[bool, about("Forget the stored configuration at start.")] = False
