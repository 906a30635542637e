"""Metadata documents of other servers: what is read of them, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from fastback.features.oauth_clients.discovery import list_candidates
from fastback.features.oauth_clients.metadata import (
    InvalidMetadata,
    ResourceMetadata,
    is_http_url,
    is_resource_of,
    join_scopes,
    list_scopes,
    parse_resource_metadata,
    parse_server_metadata,
    require_issuer,
)

VALID = {
    "issuer": "https://id.test/tenant",
    "authorization_endpoint": "https://id.test/authorize?prompt=login",
    "token_endpoint": "https://id.test/token",
}


def test_odd_fields_are_left_out_of_a_valid_document() -> None:
    odd = {
        "registration_endpoint": "javascript:alert(1)",
        "service_documentation": "",
        "scopes_supported": "read write",
        "code_challenge_methods_supported": [1],
        "token_endpoint_auth_methods_supported": {"a": 1},
        "response_types_supported": None,
        "client_id_metadata_document_supported": "yes",
        "unknown": [[]],
    }
    metadata = parse_server_metadata({**VALID, **odd})
    assert metadata.registration_endpoint is None and metadata.scopes_supported is None
    assert metadata.supports_s256 and metadata.response_types_supported == ["code"]
    assert not parse_server_metadata({**VALID, "code_challenge_methods_supported": ["plain"]}).supports_s256


@pytest.mark.parametrize(
    "value", [None, 5, [], "", "/authorize", "javascript:alert(1)", "ftp://id.test", "https://", "https://u:p@id.test"]
)
@pytest.mark.parametrize("name", list(VALID))
def test_documents_without_a_valid_endpoint_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidMetadata, match=name):
        parse_server_metadata({**VALID, name: value})


@pytest.mark.parametrize("document", [None, [], "x", 5, [VALID]])
def test_documents_that_are_no_object_are_refused(document: Any) -> None:
    with pytest.raises(InvalidMetadata):
        parse_server_metadata(document)
    with pytest.raises(InvalidMetadata):
        parse_resource_metadata(document)


@pytest.mark.parametrize(
    ("issuer", "expected", "matches"),
    [
        ("https://id.test/tenant", "https://id.test/tenant", True),
        ("https://ID.test:443/tenant/", "https://id.test/tenant", True),
        ("https://id.test", "https://id.test/tenant", False),
        ("https://id.test/other", "https://id.test/tenant", False),
        ("http://id.test/tenant", "https://id.test/tenant", False),
        ("https://id.test.evil.test/tenant", "https://id.test/tenant", False),
        ("https://id.test:8443/tenant", "https://id.test/tenant", False),
        ("https://login.test/{tenantid}/v2.0", "https://login.test/common/v2.0", True),
        ("https://evil.test/{tenantid}/v2.0", "https://login.test/common/v2.0", False),
    ],
)
def test_a_document_names_the_issuer_of_its_place(issuer: str, expected: str, matches: bool) -> None:
    metadata = parse_server_metadata({**VALID, "issuer": issuer})
    if matches:
        require_issuer(metadata, expected)
    else:
        with pytest.raises(InvalidMetadata, match="another issuer"):
            require_issuer(metadata, expected)


@pytest.mark.parametrize(
    ("resource", "server_url", "is_own"),
    [
        ("https://mcp.test/mcp", "https://mcp.test/mcp", True),
        ("https://mcp.test", "https://mcp.test/mcp", True),
        ("https://mcp.test/", "https://mcp.test/mcp?x=1", True),
        ("https://mcp.test/mcp/", "https://mcp.test/mcp", True),
        ("https://mcp.test/mc", "https://mcp.test/mcp", False),
        ("https://mcp.test/mcp/deeper", "https://mcp.test/mcp", False),
        ("https://bank.test", "https://mcp.test/mcp", False),
        ("https://mcp.test.evil.test/mcp", "https://mcp.test/mcp", False),
        ("api://something", "https://mcp.test/mcp", False),
    ],
)
def test_a_resource_is_that_of_the_server(resource: str, server_url: str, is_own: bool) -> None:
    assert is_resource_of(resource, server_url) is is_own


def test_odd_resources_have_no_servers_and_no_scopes() -> None:
    odd = {"resource": 5, "authorization_servers": "https://id.test", "scopes_supported": {"a": 1}}
    assert parse_resource_metadata(odd) == ResourceMetadata()
    many = {"authorization_servers": [5, "javascript:x", *(f"https://id{n}.test" for n in range(50))]}
    assert len(parse_resource_metadata(many).authorization_servers) == 3
    assert list_scopes(["read", 5, "two words", "", 'quo"te', "line\nbreak", "ünï", "write"]) == ["read", "write"]
    assert list_scopes(["x" * 100] * 1000) == [], "too long for a URL"
    assert join_scopes("a,b  c") == "a b c" and join_scopes(" , ") is None and join_scopes(5) is None


def test_addresses_on_which_parsers_disagree_are_invalid() -> None:
    for url in (
        "https://a.test\\@b.test",
        "https://a.test b",
        "https://a.test\n",
        "https://[::1",
        "https://a:99999",
        5,
    ):
        assert not is_http_url(url), url


def test_metadata_is_looked_for_at_the_servers_issuers_first() -> None:
    resource = ResourceMetadata(authorization_servers=["https://id.test/tenant/"])
    assert [tuple(candidate) for candidate in list_candidates("https://mcp.test", resource)] == [
        ("https://id.test/.well-known/oauth-authorization-server/tenant", "https://id.test/tenant/"),
        ("https://id.test/.well-known/openid-configuration/tenant", "https://id.test/tenant/"),
        ("https://id.test/tenant/.well-known/openid-configuration", "https://id.test/tenant/"),
        ("https://id.test/.well-known/oauth-authorization-server", "https://id.test"),
        ("https://id.test/.well-known/openid-configuration", "https://id.test"),
        ("https://mcp.test/.well-known/oauth-authorization-server", "https://mcp.test"),
        ("https://mcp.test/.well-known/openid-configuration", "https://mcp.test"),
    ]
