"""Request and response bodies of apps, and the validation of manifests."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from fastback.kit.http import Invalid
from fastback.kit.http.coercion import Loc, Problem, make_problem

Scope = Literal["channels:mentions:read", "channels:messages:read", "channels:messages:write", "channels:read"]
_Url = Annotated[str, msgspec.Meta(max_length=2048)]
_Key = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]

_PICTURE_HEADER = re.compile(r"data:image/(png|jpeg|gif|webp);base64")


class Manifest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The manifest of an app; `public_key` is an Ed25519 key in PEM."""

    id: _Name
    name: _Name
    description: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    profile_image_url: Annotated[str, msgspec.Meta(max_length=196608)] | None = None
    public_key: Annotated[str, msgspec.Meta(max_length=2000)]
    requested_scopes: list[Scope]


class PreviewForm(msgspec.Struct, forbid_unknown_fields=True):
    url: _Url
    api_key: _Key | None = None
    app_id: str | None = None


def _list_default_grants() -> list[dict[str, Any]]:
    return [{"principal_type": "user", "principal_id": "*", "permission": "read"}]


class AppForm(msgspec.Struct, forbid_unknown_fields=True):
    manifest: Manifest
    url: _Url
    api_key: _Key
    slug: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    granted_scopes: list[Scope]
    access_grants: list[dict[str, Any]] = msgspec.field(default_factory=_list_default_grants)


class AppUpdateForm(msgspec.Struct, forbid_unknown_fields=True):
    is_active: bool | None = None
    name: _Name | None = None
    settings: dict[str, Any] | None = None
    manifest: Manifest | None = None
    granted_scopes: list[Scope] | None = None
    access_grants: list[dict[str, Any]] | None = None


class ConnectionForm(msgspec.Struct, forbid_unknown_fields=True):
    """A connection to an app, with a new API key where there is one."""

    api_key: _Key | None = None


class App(msgspec.Struct):
    """A row of `app`. Times are in nanoseconds; `api_key` is encrypted."""

    id: str
    slug: str
    name: str
    is_active: bool
    data: dict[str, Any]
    api_key: str | None
    created_at: int
    updated_at: int


class AppResponse(msgspec.Struct, kw_only=True):
    """An app in responses: without credentials; `access_grants` only where an administrator reads a single app."""

    connection_status: str
    id: str
    slug: str
    name: str
    is_active: bool
    configured: bool
    data: dict[str, Any]
    created_at: int
    updated_at: int
    access_grants: list[dict[str, str]] | msgspec.UnsetType = msgspec.UNSET


#: Fields of an app's data that responses leave out.
_HIDDEN_FIELDS = ("connection_token", "webui_url")


def build_response(
    app: App, status: str = "disconnected", grants: list[dict[str, str]] | msgspec.UnsetType = msgspec.UNSET
) -> AppResponse:
    """Return the response for an app; `status` is that of its connection."""
    return AppResponse(
        connection_status=status,
        id=app.id,
        slug=app.slug,
        name=app.name,
        is_active=app.is_active,
        configured=bool(app.api_key),
        data={name: value for name, value in app.data.items() if name not in _HIDDEN_FIELDS},
        created_at=app.created_at,
        updated_at=app.updated_at,
        access_grants=grants,
    )


def validate_manifest(manifest: Manifest, loc: Loc = ("body", "manifest")) -> Manifest:
    """Return the manifest with its key in canonical form.

    Raises:
        Invalid: the picture is not an image, or the key is not an Ed25519 key.
    """
    problems: list[Problem] = []
    for name, check in (("profile_image_url", _validate_picture), ("public_key", _normalise_public_key)):
        value = getattr(manifest, name)
        try:
            manifest = msgspec.structs.replace(manifest, **{name: None if value is None else check(value)})
        except ValueError as error:
            problems.append(make_problem("value_error", (*loc, name), f"Value error, {error}", value, {"error": {}}))
    if problems:
        raise Invalid(problems)
    return manifest


def _validate_picture(url: str) -> str:
    if url.startswith("data:"):
        header, _, encoded = url.partition(",")
        if not _PICTURE_HEADER.fullmatch(header):
            raise ValueError("Expected a base64 PNG, JPEG, GIF or WebP data URL")
        try:
            content = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise ValueError(str(error)) from error
        if not content:
            raise ValueError("Profile image data must not be empty")
        return url
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("Expected the address of a picture")
    if len(url) > 2048 or parts.username is not None or parts.password is not None:
        raise ValueError("Profile image URL must not contain credentials or exceed 2048 characters")
    return url


def _normalise_public_key(text: str) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm  # slow to import, and only needed for apps
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = serialization.load_pem_public_key(text.encode())
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("An Ed25519 public key is required")
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
