"""What an identity provider has set and no column of `user` holds: it is kept beside the user's external id.

`user.scim` has an object for each provider: `{"oidc": {"external_id": "…", …}}`. The reference reads and writes
`external_id` alone; where a user has nothing but what the columns hold, Fastback writes nothing else.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.scim.errors import InvalidValue

#: Bytes of the largest object: names and addresses, no documents.
MAX_BYTES = 16 * 1024


class ValueDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """The sub-attributes of the address or the picture that a column holds."""

    type: str | None = None
    primary: bool | None = None
    display: str | None = None


class OtherEmail(ValueDetails, frozen=True, omit_defaults=True, kw_only=True):
    """An address beside that of the account."""

    value: str


class NameParts(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The components of a name; all are None where a provider has removed the name."""

    formatted: str | None = None
    family_name: str | None = None
    given_name: str | None = None
    middle_name: str | None = None
    honorific_prefix: str | None = None
    honorific_suffix: str | None = None


class UserDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """The object of a provider.

    Attributes:
        user_name: the name by which the provider knows the user; None: the address.
        name: None: derived from the displayed name.
        email: of the address of the account; None: an address for work, the primary one.
        photo: of the picture of the account; None: a photo, the primary one.
        has_no_photo: the provider has removed the picture.
    """

    external_id: str | None = None
    user_name: str | None = None
    name: NameParts | None = None
    email: ValueDetails | None = None
    other_emails: list[OtherEmail] = []
    photo: ValueDetails | None = None
    has_no_photo: bool = False


def decode_providers(raw: msgspec.Raw) -> dict[str, Any]:
    """Return the objects of all providers in the column `scim`; empty where it has another shape."""
    try:
        value = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def read_details(providers: dict[str, Any], provider: str) -> UserDetails:
    """Return the details of one provider; of an object with another shape only the external id."""
    entry = providers.get(provider)
    try:
        return msgspec.convert(entry, UserDetails)
    except msgspec.ValidationError:
        external_id = entry.get("external_id") if isinstance(entry, dict) else None
        return UserDetails(external_id if isinstance(external_id, str) else None)


def find_external_id(providers: dict[str, Any]) -> str | None:
    """Return the external id of the first provider that has one, as the reference chooses it."""
    for entry in providers.values():
        if isinstance(entry, dict) and "external_id" in entry:
            external_id = entry["external_id"]
            return None if external_id is None else str(external_id)
    return None


def encode_details(providers: dict[str, Any], provider: str, details: UserDetails) -> dict[str, Any]:
    """Return the objects of all providers with new details of one.

    Raises:
        ScimError: 400, the details are too large.
    """
    entry = {"external_id": None, **msgspec.to_builtins(details)}
    if len(msgspec.json.encode(entry)) > MAX_BYTES:
        raise InvalidValue(f"The names and addresses are too long: {MAX_BYTES} bytes at most")
    return {**providers, provider: entry}
