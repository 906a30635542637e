"""Redis with TLS and a password: a server, a master that sentinels choose, and a cluster."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from certificate_authority import CertificateAuthority
from fastback.kit.cluster.redis_cluster import RedisCluster
from fastback.redis_setup import open_redis
from fastback.settings import load_settings
from redis_server import MISSING, run_redis
from redis_topologies import run_sentinel_group, run_sharded_cluster
from waiting import wait_until

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

PASSWORD = "secret-of-redis"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certificates")
    authority = CertificateAuthority("Authority of the tests")
    authority.save(directory / "ca.crt")
    authority.issue(directory / "redis.crt", directory / "redis.key")
    return directory


@pytest.fixture(params=["server", "sentinels", "cluster"])
def variables(request: pytest.FixtureRequest, tmp_path: Path, certificates: Path) -> Iterator[dict[str, str]]:
    """Return the variables of an encrypted Redis, without those of its certificates."""
    security = {"password": PASSWORD, "certificates": certificates}
    if request.param == "server":
        with run_redis(tmp_path, **security) as server:
            yield {"REDIS_URL": server.url}
    elif request.param == "sentinels":
        with run_sentinel_group(tmp_path, password=PASSWORD, certificates=certificates) as group:
            yield group.env
    else:
        with run_sharded_cluster(tmp_path, password=PASSWORD, certificates=certificates) as cluster:
            yield cluster.env


@asynccontextmanager
async def join(variables: dict[str, str], prefix: str = "") -> AsyncIterator[RedisCluster]:
    settings = load_settings({"REDIS_KEY_PREFIX": prefix or uuid.uuid4().hex, **variables}, dotenv=None)
    cluster = RedisCluster(open_redis(settings))
    await cluster.start()
    try:
        yield cluster
    finally:
        await cluster.close()


async def test_connections_are_encrypted_and_certificates_checked(
    variables: dict[str, str], certificates: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trusted = {**variables, "REDIS_URL": f"{variables['REDIS_URL']}?ssl_ca_certs={certificates / 'ca.crt'}"}
    prefix = uuid.uuid4().hex
    async with join(trusted, prefix) as first, join(trusted, prefix) as second:
        assert first._redis.is_up and second._redis.is_up
        messages: list[bytes] = []
        second.subscribe("rooms:1", messages.append)
        await wait_until(lambda: second._link.is_idle)
        await first.publish("rooms:1", b"hello")
        await wait_until(lambda: messages == [b"hello"])
        assert await first.increment("count") == 1
        assert await second.increment("count") == 2
        await second.put_entry("present", "ada", b"1")
        assert await first.list_entries("present") == {"ada": b"1"}

    async with join(variables) as stranger:  # an authority that nobody knows
        assert not stranger._redis.is_up
        assert "certificate verify failed" in caplog.text

    for url in (trusted["REDIS_URL"].replace(PASSWORD, "wrong"), trusted["REDIS_URL"].replace("rediss:", "redis:")):
        async with join({**trusted, "REDIS_URL": url}) as stranger:
            assert not stranger._redis.is_up
    assert PASSWORD not in caplog.text
