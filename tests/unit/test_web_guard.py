"""Which addresses people may have fetched."""

from __future__ import annotations

from typing import Any

import pytest

from fastback.features.web_guard import Refused, WebGuard


class _Settings:
    aiohttp_client_session_ssl = "true"
    aiohttp_client_ssl_cert_file = ""

    def __init__(self, *, private: bool = False, listed: str = "") -> None:
        self.enable_local_web_fetch = private
        self.web_fetch_filter_list = listed


def _guard(**more: Any) -> WebGuard:
    return WebGuard(_Settings(**more))  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["https://example.com/x", "http://example.com:8080", "http://1.1.1.1/"])
def test_public_addresses_pass(url: str) -> None:
    _guard().check(url)


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.com", "http://", "https:///x", "http://exa mple.com", "http://example.com:port/"),
        *("http://10.1.2.3/", "http://192.168.0.1", "http://[fe80::1]/", "http://[::]/", "http://0.0.0.0/"),
        *("http://[2002:7f00:1::]/", "http://[::127.0.0.1]/", "http://100.100.100.200/"),
    ],
)
def test_others_do_not(url: str) -> None:
    with pytest.raises(Refused):
        _guard().check(url)


def test_a_name_is_judged_by_what_it_leads_to() -> None:
    with pytest.raises(Refused):
        _guard().check_addresses(["93.184.216.34", "127.0.0.1"])
    _guard(private=True).check_addresses(["127.0.0.1"])
    with pytest.raises(Refused):
        _guard(private=True).check_addresses(["169.254.169.254"])


async def test_a_client_does_not_connect_to_a_private_place_by_a_public_name() -> None:
    async with _guard().client(seconds=5) as client:
        with pytest.raises(Refused):
            await client.get("http://localhost:1/")


def test_lists_of_hosts_count() -> None:
    blocking = _guard(listed="!bad.example,!9.9.9.0/24")
    for url in ("https://bad.example/", "https://deep.bad.example/", "http://9.9.9.9/"):
        with pytest.raises(Refused):
            blocking.check(url)
    blocking.check("https://notbad.example/bad.example")
    with pytest.raises(Refused):
        _guard(listed="good.example").check("https://other.example/")
    _guard(listed="good.example").check("https://www.good.example/")
