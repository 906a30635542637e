"""Who may read the metrics: holders of the token, clients at certain addresses, or both together."""

from __future__ import annotations

import hmac
import ipaddress

from starlette.requests import Request

from fastback.kit.http import Forbidden, NotFound, Unauthorized
from fastback.settings import Settings, SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Headers of requests that a proxy forwards. Their addresses are those that the sender names.
_FORWARDED_HEADERS = ("x-forwarded-for", "forwarded")


def has_metrics(settings: Settings) -> bool:
    """Return whether metrics are enabled; otherwise nothing is counted."""
    return bool(settings.fastback_metrics_token or settings.fastback_metrics_allow.strip(" ,"))


def parse_networks(text: str) -> list[Network]:
    """Return the networks of a list of addresses and networks.

    Raises:
        SettingsError: an entry is neither.
    """
    networks: list[Network] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        try:
            networks.append(ipaddress.ip_network(entry, strict=False))
        except ValueError:
            text = f"FASTBACK_METRICS_ALLOW: {entry!r} is neither an address nor a network, such as 10.0.0.0/8"
            raise SettingsError(text) from None
    return networks


class MetricsAccess:
    """Check requests for the metrics."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.fastback_metrics_token
        self._networks = parse_networks(settings.fastback_metrics_allow)

    def require(self, request: Request) -> None:
        """Require that a request may read the metrics.

        Raises:
            NotFound: metrics are disabled. Forbidden: its address may not. Unauthorized: its token is missing or wrong.
        """
        if not self._token and not self._networks:
            raise NotFound("Not Found")
        if self._networks and not self._is_allowed(request):
            raise Forbidden("Metrics are not available from this address")
        if self._token:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token.encode()):
                raise Unauthorized("The token of the metrics is required", {"WWW-Authenticate": "Bearer"})

    def _is_allowed(self, request: Request) -> bool:
        if request.client is None or any(name in request.headers for name in _FORWARDED_HEADERS):
            return False
        try:
            address = ipaddress.ip_address(request.client.host)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)
