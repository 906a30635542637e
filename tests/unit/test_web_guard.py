"""The addresses that users may have fetched."""

from __future__ import annotations

import aiohttp
import pytest

from fastback.kit.web_guard import BlockedAddress, WebGuard


@pytest.mark.parametrize("url", ["http://93.184.216.34:8080/x", "http://1.1.1.1/"])
async def test_public_addresses_pass(url: str) -> None:
    await WebGuard().check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.com", "http://", "https:///x", "http://exa mple.com", "http://example.com:port/"),
        *("http://10.1.2.3/", "http://192.168.0.1", "http://[fe80::1]/", "http://[::]/", "http://0.0.0.0/"),
        *("http://[2002:7f00:1::]/", "http://[::127.0.0.1]/", "http://100.100.100.200/"),
    ],
)
async def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(BlockedAddress):
        await WebGuard().check_url(url)


def test_the_resolved_address_decides() -> None:
    with pytest.raises(BlockedAddress):
        WebGuard().check_address("127.0.0.1")
    WebGuard(allow_local=True).check_address("127.0.0.1")
    with pytest.raises(BlockedAddress):
        WebGuard(allow_local=True).check_address("169.254.169.254")


async def test_a_client_does_not_connect_to_a_private_address() -> None:
    async with aiohttp.ClientSession(connector=WebGuard().make_connector()) as client:
        for url in ("http://localhost:1/", "http://127.0.0.1:1/"):
            with pytest.raises(BlockedAddress):
                await client.get(url)


def test_lists_of_hosts_allow_and_block() -> None:
    blocking = WebGuard(["!bad.example", "!9.9.9.0/24"])
    for host in ("bad.example", "deep.bad.example", "9.9.9.9"):
        with pytest.raises(BlockedAddress):
            blocking.check_host(host)
    blocking.check_host("notbad.example")
    with pytest.raises(BlockedAddress):
        WebGuard(["good.example"]).check_host("other.example")
    WebGuard(["good.example"]).check_host("www.good.example")
