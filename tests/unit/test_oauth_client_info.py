"""Registered clients, as Open WebUI stores and encrypts them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fastback.features.oauth_clients.client_info import (
    ClientInfo,
    InvalidClientInfo,
    choose_auth_method,
    parse_client_info,
)
from fastback.features.oauth_clients.connections import decrypt_client_info, find_connection, list_urls
from fastback.features.oauth_clients.metadata import ServerMetadata
from fastback.features.oauth_sessions.token_cipher import ClientInfoCipher, SessionTokenCipher

#: Written by the functions of Open WebUI 0.12.4.
STORED = msgspec.json.decode((Path(__file__).parents[1] / "data" / "oauth-clients-0.12.4.json").read_bytes())


def build_info(**more: Any) -> ClientInfo:
    return ClientInfo(client_id="c", redirect_uris=["https://chat.test/back"], **more)


def test_a_client_that_open_webui_has_stored_is_read() -> None:
    cipher = ClientInfoCipher(STORED["client_info_key"])
    connection = {"type": "mcp", "auth_type": "oauth_2.1", "info": {"oauth_client_info": STORED["client_info"]}}
    info = decrypt_client_info(connection, cipher)
    assert (info.client_id, info.client_secret) == ("c1", "s3cret ☕")
    assert msgspec.to_builtins(info) == {**STORED["client"], "is_server_internal": None}, "every field of it"


def test_a_session_that_open_webui_has_stored_is_read() -> None:
    assert SessionTokenCipher(STORED["session_token_key"]).decrypt(STORED["session_token"]) == STORED["token"]


def test_what_an_administrator_enters_precedes_the_registration() -> None:
    cipher = ClientInfoCipher(STORED["client_info_key"])
    info = {
        "oauth_client_info": STORED["client_info"],
        "oauth_client_id": "mine",
        "oauth_client_secret": "own",
        "oauth_scope": " a, b  c",
        "oauth_resource_parameter": "omit",
    }
    static = decrypt_client_info({"auth_type": "oauth_2.1_static", "info": info}, cipher)
    assert (static.client_id, static.client_secret, static.scope) == ("mine", "own", "a b c")
    assert static.list_request_parameters() == {"scope": "a b c"}
    dynamic = decrypt_client_info({"auth_type": "oauth_2.1", "info": info}, cipher)
    assert dynamic.client_id == "c1"
    older = {"oauth_scope": "x", "oauth_resource_parameter": "include"}
    options = decrypt_client_info({"info": {"oauth_client_info": STORED["client_info"]}, "config": older}, cipher)
    assert options.list_request_parameters() == {"scope": "x", "resource": "https://mcp.birds.test/mcp"}


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {},
        {"client_id": 5, "redirect_uris": []},
        {"client_id": "c"},
        {"client_id": "c", "redirect_uris": "x"},
        {"client_id": "c", "redirect_uris": [], "token_endpoint_auth_method": "private_key_jwt"},
        {"client_id": "c", "redirect_uris": [], "server_metadata": {"issuer": "https://a.test"}},
    ],
)
def test_invalid_clients_are_refused(stored: Any) -> None:
    with pytest.raises(InvalidClientInfo):
        parse_client_info(stored)


def test_empty_texts_of_a_registration_count_as_missing() -> None:
    info = parse_client_info({"client_id": "c", "redirect_uris": ["x"], "client_uri": "", "client_id_issued_at": "7"})
    assert info.client_uri is None and info.client_id_issued_at == 7


def test_google_is_asked_for_a_refresh_token() -> None:
    base = "https://accounts.google.com"
    metadata = ServerMetadata(issuer=base, authorization_endpoint=f"{base}/o/auth", token_endpoint=f"{base}/token")
    assert build_info(server_metadata=metadata).list_request_parameters() == {
        "access_type": "offline",
        "prompt": "consent",
    }


def test_a_method_of_authentication_is_chosen_that_the_server_supports() -> None:
    for supported, chosen in (
        (None, "client_secret_post"),
        (["client_secret_basic", "client_secret_post"], "client_secret_post"),
        (["none", "client_secret_basic"], "client_secret_basic"),
        (["none"], "none"),
        (["private_key_jwt"], "client_secret_post"),
    ):
        urls = dict.fromkeys(("issuer", "authorization_endpoint", "token_endpoint"), "https://id.test")
        metadata = ServerMetadata(**urls, token_endpoint_auth_methods_supported=supported)
        assert choose_auth_method(metadata) == chosen


def test_secrets_expire() -> None:
    now = int(time.time())
    assert not build_info(client_secret_expires_at=0).has_expired_secret
    assert not build_info(client_secret_expires_at=now + 60).has_expired_secret
    assert build_info(client_secret_expires_at=now - 60).has_expired_secret


def test_odd_connections_are_no_clients() -> None:
    class OddConfig:
        def get_list(self, _: Any) -> list[Any]:
            return [None, 5, {}, {"type": "mcp"}, {"type": "mcp", "auth_type": "oauth_2.1", "info": [1]}]

    assert find_connection(OddConfig(), "mcp:None") is None  # type: ignore[arg-type]
    assert list_urls({"url": None, "info": {"oauth_server_url": 5}, "config": "x"}) == ()
    connection = {"url": "https://a.test", "info": {"oauth_server_url": "https://id.test"}}
    assert list_urls(connection) == ("https://id.test", "https://a.test")
