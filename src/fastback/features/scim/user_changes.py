"""Changes of users: from a profile before and after to columns, details and the names of changed fields.

In most installations the name that a provider has for a user is the address, and the name of a person is the displayed
name. While two attributes are the same, a change of one changes both, as in the reference, which stores them once. A
provider that has set them apart keeps both.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.email_addresses import MAX_EMAIL_LENGTH, is_valid_email
from fastback.features.scim.errors import InvalidValue
from fastback.features.scim.user_details import UserDetails
from fastback.features.scim.user_profile import (
    INACTIVE_ROLE,
    Entry,
    UserProfile,
    collect_details,
    derive_name,
    format_name,
)
from fastback.features.users.pictures import require_valid_picture
from fastback.kit.http.errors import Invalid
from fastback.settings import Settings


class UserChanges(msgspec.Struct, frozen=True):
    """What to write.

    Attributes:
        columns: new values of columns of `user`.
        details: the new details, or None where they stay.
    """

    columns: dict[str, Any]
    details: UserDetails | None

    def list_fields(self) -> list[str]:
        """List the names of the changed fields, for events; a change of the role has an event of its own."""
        fields = [name for name in ("email", "name", "profile_image_url") if name in self.columns]
        return [*fields, *(["externalId"] if self.details is not None else [])]


def follow_changes(before: UserProfile, after: UserProfile) -> UserProfile:
    """Return the profile after a change, with what has been the same as a changed attribute changed, too."""
    after = _follow_name(before, after)
    if before.user_name != before.email:
        return after
    if after.user_name != before.user_name and after.emails == before.emails and is_valid_email(after.user_name):
        first = msgspec.structs.replace(after.emails[0], value=after.user_name.lower())
        return msgspec.structs.replace(after, emails=[first, *after.emails[1:]])
    if after.emails != before.emails and after.user_name == before.user_name:
        return msgspec.structs.replace(after, user_name=after.email)
    return after


def _follow_name(before: UserProfile, after: UserProfile) -> UserProfile:
    if before.name != derive_name(before.display_name):
        return after
    if after.display_name != before.display_name:
        if after.name == before.name:
            return msgspec.structs.replace(after, name=derive_name(after.display_name))
        return after
    if after.name is None or after.name == before.name:
        return after
    display_name = format_name(after.name) or before.display_name
    if msgspec.structs.replace(after.name, formatted=None) == msgspec.structs.replace(before.name, formatted=None):
        return msgspec.structs.replace(after, display_name=display_name, name=derive_name(display_name))
    return msgspec.structs.replace(after, display_name=display_name)


def order_emails(emails: list[Entry]) -> list[Entry]:
    """Return addresses in lower case, that of the account first: the primary one, else the first.

    Raises:
        ScimError: 400, there is no address, or the account's is invalid.
    """
    if not emails:
        raise InvalidValue("emails must have a value")
    emails = [msgspec.structs.replace(entry, value=entry.value.strip().lower()) for entry in emails]
    index = next((index for index, entry in enumerate(emails) if entry.details.primary), 0)
    if not is_valid_email(emails[index].value):
        raise InvalidValue(f"{emails[index].value[:MAX_EMAIL_LENGTH]!r} is not an email address")
    return [emails[index], *emails[:index], *emails[index + 1 :]]


def plan_changes(before: UserProfile, after: UserProfile, *, role: str, settings: Settings) -> UserChanges:
    """Return what to write for a changed profile of a user with this role.

    An administrator stays one: a provider that deactivates every account must not lock the installation.

    Raises:
        ScimError: 400, a value is invalid.
    """
    require_valid_profile(after, settings if after.photo != before.photo else None)
    columns: dict[str, Any] = {}
    if after.email != before.email:
        columns["email"] = after.email
    if after.display_name != before.display_name:
        columns["name"] = after.display_name
    if after.active != before.active and role != "admin":
        columns["role"] = "user" if after.active else INACTIVE_ROLE
    if after.photo != before.photo and (
        after.photo is None or before.photo is None or after.photo.value != before.photo.value
    ):
        columns["profile_image_url"] = None if after.photo is None else after.photo.value
    details = collect_details(after)
    return UserChanges(columns, None if details == collect_details(before) else details)


def require_valid_profile(profile: UserProfile, settings: Settings | None) -> None:
    """Require names that are not empty, and with settings a picture that may be stored.

    Raises:
        ScimError: 400, a value is invalid.
    """
    if not profile.user_name.strip():
        raise InvalidValue("userName must not be empty")
    if not profile.display_name.strip():
        raise InvalidValue("displayName must not be empty")
    if settings is not None and profile.photo is not None:
        try:
            require_valid_picture(profile.photo.value, settings)
        except Invalid as error:
            raise InvalidValue(str(error.detail[0]["msg"]).removeprefix("Value error, ")) from None
