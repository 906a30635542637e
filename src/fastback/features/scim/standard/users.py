"""Users between the models of the library and profiles."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.scim.errors import InvalidValue
from fastback.features.scim.standard.requests import read_resource
from fastback.features.scim.standard.resources import Email, Name, Photo, User
from fastback.features.scim.user_changes import order_emails
from fastback.features.scim.user_details import NameParts, ValueDetails
from fastback.features.scim.user_profile import (
    DEFAULT_PHOTO,
    USUAL_EMAIL,
    USUAL_PHOTO,
    Entry,
    UserProfile,
    complete_name,
    format_name,
)

#: Addresses of one user, at most.
MAX_EMAILS = 50


def read_new_profile(data: dict[str, Any]) -> UserProfile:
    """Return the profile in the request of a creation.

    Raises:
        ScimError: 400, a required attribute is missing, or one is invalid.
    """
    user = read_resource(User, data)
    for name, value in (("userName", user.user_name), ("displayName", user.display_name)):
        if not value:
            raise InvalidValue(f"{name} is required")
    if user.emails is None:
        raise InvalidValue("emails is required")
    photo = _read_photo(user.photos) or Entry(DEFAULT_PHOTO, USUAL_PHOTO)
    user_name, display_name = user.user_name or "", user.display_name or ""
    return UserProfile(
        user_name=user_name,
        name=complete_name(_read_name(user.name) or NameParts(), display_name),
        display_name=display_name,
        emails=order_emails(_read_emails(user.emails) or [Entry(user_name, USUAL_EMAIL)]),
        active=user.active is not False,
        photo=photo,
        external_id=user.external_id,
    )


def replace_profile(before: UserProfile, user: User) -> UserProfile:
    """Return the profile after a replacement by a resource; attributes that are missing or empty stay.

    Raises:
        ScimError: 400, an attribute is invalid.
    """
    emails = _read_emails(user.emails)
    name = _read_name(user.name)
    if name is not None:
        name = complete_name(name, user.display_name or format_name(name))
    return UserProfile(
        user_name=user.user_name or before.user_name,
        name=name or before.name,
        display_name=user.display_name or before.display_name,
        emails=order_emails(emails) if emails else before.emails,
        active=before.active if user.active is None else user.active,
        photo=_read_photo(user.photos) or before.photo,
        external_id=user.external_id or before.external_id,
    )


def read_profile(user: User) -> UserProfile:
    """Return the profile of a resource that a patch has changed.

    Raises:
        ScimError: 400, an attribute is invalid.
    """
    return UserProfile(
        user_name=user.user_name or "",
        name=_read_name(user.name),
        display_name=user.display_name or "",
        emails=order_emails(_read_emails(user.emails, has_defaults=False)),
        active=user.active is not False,
        photo=_read_photo(user.photos, has_defaults=False),
        external_id=user.external_id,
    )


def _read_name(name: Name | None) -> NameParts | None:
    """Return the components of a name, or None where it has none."""
    if name is None:
        return None
    parts = NameParts(**{field: getattr(name, field) for field in NameParts.__struct_fields__})
    return None if parts == NameParts() else parts


def _read_emails(emails: list[Email] | None, *, has_defaults: bool = True) -> list[Entry]:
    """Return the addresses; with defaults, one that says nothing else is for work, and the primary one."""
    if len(emails or ()) > MAX_EMAILS:
        raise InvalidValue(f"emails has more than {MAX_EMAILS} values")
    entries = [
        Entry(email.value, _read_details(email, USUAL_EMAIL if has_defaults else ValueDetails()))
        for email in emails or ()
        if email.value
    ]
    return _keep_one_primary(entries)


def _keep_one_primary(entries: list[Entry]) -> list[Entry]:
    """Return the entries with at most one primary one, as the standard wants it: the first."""
    primary = next((entry for entry in entries if entry.details.primary), None)
    return [
        msgspec.structs.replace(entry, details=msgspec.structs.replace(entry.details, primary=False))
        if entry.details.primary and entry is not primary
        else entry
        for entry in entries
    ]


def _read_photo(photos: list[Photo] | None, *, has_defaults: bool = True) -> Entry | None:
    """Return the primary picture, else the first, or None."""
    photos = [photo for photo in photos or () if photo.value]
    if not photos:
        return None
    photo = next((photo for photo in photos if photo.primary), photos[0])
    return Entry(str(photo.value), _read_details(photo, USUAL_PHOTO if has_defaults else ValueDetails()))


def _read_details(value: Email | Photo, defaults: ValueDetails) -> ValueDetails:
    fields = value.model_fields_set
    return ValueDetails(
        type=value.type if "type" in fields else defaults.type,
        primary=value.primary if "primary" in fields else defaults.primary,
        display=value.display,
    )
