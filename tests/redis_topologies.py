"""Redis as installations run it: a master with a replica and sentinels, and a cluster of several masters."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis_server import RedisServer, find_low_port, run_redis

#: Milliseconds without a response after which sentinels, or the servers of a cluster, give up a server.
DOWN_MILLISECONDS = 1000
#: Sentinels of an installation share a port, so each has an address of its own.
SENTINEL_HOSTS = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
_SENTINEL = """
sentinel monitor {service} 127.0.0.1 {master} 2
sentinel down-after-milliseconds {service} {down}
sentinel failover-timeout {service} 3000
sentinel announce-ip {host}
"""
_SENTINEL_PASSWORD = """
sentinel auth-pass {service} {password}
sentinel sentinel-pass {password}
"""


class SentinelGroup:
    """A master and a replica of it, watched by three sentinels, two of which must agree."""

    service = "mymaster"

    def __init__(self, master: RedisServer, replica: RedisServer, sentinels: list[RedisServer]) -> None:
        self.servers = [master, replica]
        self.sentinels = sentinels

    @property
    def port(self) -> int:
        """The port of the sentinels."""
        return self.sentinels[0].port

    @property
    def url(self) -> str:
        """The address of the service, with the scheme and password of its servers."""
        address = self.servers[0].url
        return address.replace(f"127.0.0.1:{self.servers[0].port}", self.service)

    @property
    def env(self) -> dict[str, str]:
        """The variables with which a server uses it."""
        hosts = ",".join(SENTINEL_HOSTS)
        return {"REDIS_URL": self.url, "REDIS_SENTINEL_HOSTS": hosts, "REDIS_SENTINEL_PORT": str(self.port)}

    def has_failed_over(self) -> bool:
        """Return whether the replica is the master now."""
        reply = self.sentinels[-1].run_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.service)
        return int(reply.split()[-1]) == self.servers[1].port


@contextmanager
def run_sentinel_group(
    directory: Path, *, password: str = "", certificates: Path | None = None
) -> Iterator[SentinelGroup]:
    """Run them; each sentinel knows the replica and the other sentinels."""
    security: dict[str, Any] = {"password": password, "certificates": certificates}
    with ExitStack() as stack:
        common = ["--masterauth", password]
        master = stack.enter_context(run_redis(directory, *common, **security))
        replica_options = [*common, "--replicaof", f"127.0.0.1 {master.port}"]
        replica = stack.enter_context(run_redis(directory, *replica_options, **security))
        _wait_for(lambda: "master_link_status:up" in replica.run_command("INFO", "replication"))
        port = find_low_port()
        sentinels = []
        template = _SENTINEL + (_SENTINEL_PASSWORD if password else "")
        for host in SENTINEL_HOSTS:
            path = directory / f"sentinel-{host}.conf"
            path.write_text(
                template.format(
                    service=SentinelGroup.service,
                    host=host,
                    master=master.port,
                    down=DOWN_MILLISECONDS,
                    password=password,
                )
            )
            sentinel = RedisServer(directory, str(path), "--sentinel", port=port, host=host, **security)
            stack.callback(sentinel.stop)
            sentinel.start()
            sentinels.append(sentinel)
        for sentinel in sentinels:
            _wait_for(lambda sentinel=sentinel: "slaves=1,sentinels=3" in sentinel.run_command("INFO", "sentinel"))
        yield SentinelGroup(master, replica, sentinels)


class ShardedCluster:
    """A Redis cluster: masters that share the slots, each with replicas."""

    def __init__(self, servers: list[RedisServer]) -> None:
        self.servers = servers

    @property
    def url(self) -> str:
        return self.servers[0].url

    @property
    def env(self) -> dict[str, str]:
        """The variables with which a server uses it."""
        return {"REDIS_URL": self.url, "REDIS_CLUSTER": "true"}

    def list_masters(self) -> list[RedisServer]:
        """List the servers that are masters."""
        running = [server for server in self.servers if server.is_running]
        return [server for server in running if "role:master" in server.run_command("INFO", "replication")]

    def has_failed_over(self) -> bool:
        """Return whether a replica has taken the place of a master that was stopped."""
        return len(self.list_masters()) == 3


@contextmanager
def run_sharded_cluster(
    directory: Path, *, replicas: int = 0, password: str = "", certificates: Path | None = None
) -> Iterator[ShardedCluster]:
    """Run a Redis cluster of three masters that `redis-cli` has created."""
    options = ["--cluster-enabled", "yes", "--cluster-node-timeout", str(DOWN_MILLISECONDS), "--masterauth", password]
    cli = ["redis-cli"]
    if certificates is not None:
        options += ["--tls-cluster", "yes"]
        cli += ["--tls", "--cacert", str(certificates / "ca.crt")]
    if password:
        cli += ["-a", password]
    with ExitStack() as stack:
        servers = []
        for number in range(3 * (1 + replicas)):
            own = directory / f"shard{number}"
            own.mkdir()
            servers.append(stack.enter_context(run_redis(own, *options, password=password, certificates=certificates)))
        addresses = [f"127.0.0.1:{server.port}" for server in servers]
        create = ["--cluster", "create", *addresses, "--cluster-replicas", str(replicas), "--cluster-yes"]
        subprocess.run([*cli, *create], check=True, capture_output=True, timeout=60)
        cluster = ShardedCluster(servers)
        for server in servers:
            _wait_for(lambda server=server: "cluster_state:ok" in server.run_command("CLUSTER", "INFO"))
        _wait_for(lambda: len(cluster.list_masters()) == 3)
        for server in servers:
            _wait_for(lambda server=server: "link_status:down" not in server.run_command("INFO", "replication"))
        yield cluster


def _wait_for(check: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "Redis does not get ready"
        time.sleep(0.05)
