"""What a provider says of itself: its issuer and its endpoints."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.oauth.errors import ProviderError

#: The algorithms of signatures that ID tokens may have: none that a public key could forge (`HS256`), and never `none`.
SIGNATURE_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
#: Part of the issuer that Microsoft publishes for sign-ins of all tenants; a token names its own tenant.
_TENANT = "{tenantid}"
_DEFAULT_ALGORITHMS = ("RS256",)


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a provider's metadata that a client needs; empty where it names none."""

    issuer: str = ""
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    userinfo_endpoint: str = ""
    jwks_uri: str = ""
    end_session_endpoint: str = ""
    introspection_endpoint: str = ""
    algorithms: tuple[str, ...] = _DEFAULT_ALGORITHMS

    def get_issuer_for(self, claims: dict[str, Any]) -> str:
        """Return the issuer that a token with these claims must name; empty where the provider publishes none."""
        if _TENANT in self.issuer:
            return self.issuer.replace(_TENANT, str(claims.get("tid") or ""))
        return self.issuer

    def require_endpoint(self, name: str) -> str:
        """Return the address of an endpoint, such as `token_endpoint`.

        Raises:
            ProviderError: the provider names none.
        """
        url: str = getattr(self, name)
        if not url:
            raise ProviderError(f"its metadata has no {name}")
        return url


def parse_metadata(document: Any) -> Metadata:
    """Return the metadata in a JSON document; endpoints that are no web addresses count as missing.

    Raises:
        ProviderError: the document is not an object.
    """
    if not isinstance(document, dict):
        raise ProviderError("its metadata is not a JSON object")
    endpoints = {
        name: value
        for name in Metadata.__struct_fields__
        if name.endswith(("_endpoint", "_uri"))
        and isinstance(value := document.get(name), str)
        and value.startswith(("https://", "http://"))
    }
    issuer = document.get("issuer")
    supported = document.get("id_token_signing_alg_values_supported")
    algorithms = [name for name in SIGNATURE_ALGORITHMS if isinstance(supported, list) and name in supported]
    return Metadata(
        issuer=issuer if isinstance(issuer, str) else "",
        algorithms=tuple(algorithms) or _DEFAULT_ALGORITHMS,
        **endpoints,
    )
