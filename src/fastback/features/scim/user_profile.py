"""The profile of a user in the terms of the standard, read from the columns of `user` and the provider's details."""

from __future__ import annotations

import msgspec

from fastback.features.scim.user_details import (
    NameParts,
    OtherEmail,
    UserDetails,
    ValueDetails,
    decode_providers,
    find_external_id,
    read_details,
)
from fastback.features.scim.user_store import UserRow
from fastback.features.users.store import build_default_picture_url

#: The sub-attributes of an address or a picture that the reference shows.
USUAL_EMAIL = ValueDetails("work", True)
USUAL_PHOTO = ValueDetails("photo", True)
#: The picture of a new user, and the end of the address of the one that is generated.
DEFAULT_PHOTO, _DEFAULT_PHOTO_ENDING = "/user.png", "/profile/image"
#: The role of a user who may not use the service.
INACTIVE_ROLE = "pending"


class Entry(msgspec.Struct, frozen=True):
    """A value of `emails` or `photos`."""

    value: str
    details: ValueDetails


class UserProfile(msgspec.Struct, frozen=True):
    """What an identity provider reads and writes; the first of `emails` is the address of the account."""

    user_name: str
    name: NameParts | None
    display_name: str
    emails: list[Entry]
    active: bool
    photo: Entry | None
    external_id: str | None

    @property
    def email(self) -> str:
        """The address of the account."""
        return self.emails[0].value


def derive_name(display_name: str) -> NameParts:
    """Return the components of a displayed name: what comes before the first space is the given name."""
    given_name, _, family_name = display_name.partition(" ")
    return NameParts(formatted=display_name, given_name=given_name, family_name=family_name)


def format_name(name: NameParts) -> str:
    """Return a name for display, from its components where it has no other form; empty without any."""
    return name.formatted or f"{name.given_name or ''} {name.family_name or ''}".strip()


def complete_name(name: NameParts, display_name: str) -> NameParts:
    """Return a name that a client has sent: completed, if its components are those of the displayed name."""
    derived = derive_name(display_name)
    is_derived = all(getattr(name, field) in (None, getattr(derived, field)) for field in NameParts.__struct_fields__)
    return derived if is_derived else name


def read_profile(row: UserRow, provider: str) -> UserProfile:
    """Return the profile of a stored user."""
    providers = decode_providers(row.scim)
    details = read_details(providers, provider)
    name = derive_name(row.name) if details.name is None else details.name
    others = [
        Entry(other.value, ValueDetails(other.type, other.primary, other.display)) for other in details.other_emails
    ]
    return UserProfile(
        user_name=details.user_name or row.email,
        name=None if name == NameParts() else name,
        display_name=row.name,
        emails=[Entry(row.email, details.email or USUAL_EMAIL), *others],
        active=row.role != INACTIVE_ROLE,
        photo=_read_photo(row, details),
        external_id=find_external_id(providers),
    )


def _read_photo(row: UserRow, details: UserDetails) -> Entry | None:
    if not row.profile_image_url and details.has_no_photo:
        return None
    return Entry(row.profile_image_url or build_default_picture_url(row.id), details.photo or USUAL_PHOTO)


def has_default_photo(profile: UserProfile) -> bool:
    """Return whether the picture is one that every user without a picture has."""
    photo = profile.photo
    return photo is not None and (photo.value == DEFAULT_PHOTO or photo.value.endswith(_DEFAULT_PHOTO_ENDING))


def collect_details(profile: UserProfile) -> UserDetails:
    """Return what no column holds of a profile."""
    others = [
        OtherEmail(
            value=entry.value, type=entry.details.type, primary=entry.details.primary, display=entry.details.display
        )
        for entry in profile.emails[1:]
    ]
    name = profile.name or NameParts()
    return UserDetails(
        external_id=profile.external_id,
        user_name=None if profile.user_name.lower() == profile.email else profile.user_name,
        name=None if name == derive_name(profile.display_name) else name,
        email=_drop_usual(profile.emails[0].details, USUAL_EMAIL),
        other_emails=others,
        photo=None if profile.photo is None else _drop_usual(profile.photo.details, USUAL_PHOTO),
        has_no_photo=profile.photo is None,
    )


def _drop_usual(details: ValueDetails, usual: ValueDetails) -> ValueDetails | None:
    return None if details == usual else details
