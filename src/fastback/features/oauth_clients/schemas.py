"""Request bodies and responses of the routes."""

from __future__ import annotations

import msgspec


class RegistrationForm(msgspec.Struct):
    """What is registered.

    Attributes:
        url: of the tool server.
        client_id: the id of the tool server; with a secret, the identifier at the authorization server.
    """

    url: str
    client_id: str
    client_name: str | None = None
    client_secret: str | None = None
    oauth_server_url: str | None = None
    oauth_scope: str | None = None


class Registration(msgspec.Struct):
    """A registered client, encrypted, for the connection of the tool server."""

    status: bool
    oauth_client_info: str
