"""Find a user in the directory and verify their password; blocks, and is imported by a sign-in only."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ldap3 import DEREF_ALWAYS, SUBTREE

from fastback.access.email_addresses import MAX_EMAIL_LENGTH, is_valid_email
from fastback.features.ldap.deadline import Deadline
from fastback.features.ldap.directory_settings import DirectorySettings
from fastback.features.ldap.directory_user import DirectoryRefusal, DirectoryUser
from fastback.features.ldap.group_names import list_group_names
from fastback.features.ldap.ldap_connection import open_connection
from fastback.features.ldap.tls_context import build_tls_context

log = logging.getLogger("fastback.ldap")

#: Let a user's password be verified, or raise.
Admit = Callable[[DirectoryUser], None]

_NAME_ATTRIBUTE = "cn"
#: Entries that a search may return. Two show that a name is ambiguous.
_SIZE_LIMIT = 2
#: Seconds that the directory may search.
_SEARCH_SECONDS = 5


def authenticate_user(
    settings: DirectorySettings, username: str, password: str, *, deadline: Deadline, admit: Admit | None = None
) -> DirectoryUser:
    """Return the user with this name, if the directory accepts their password.

    `admit` is called with the user before their password is verified, and may raise whatever ends the sign-in.

    Raises:
        DirectoryRefusal: it does not know the user or refuses the password, the entry has no usable address, or the
            directory cannot be asked.
    """
    try:
        return _authenticate_user(settings, username, password, deadline, admit)
    except DirectoryRefusal as refusal:
        log.log(
            refusal.level,
            "LDAP sign-in of %r failed, %s: %s%s",
            _shorten(username),
            settings.label,
            refusal,
            f" ({refusal.reason})" if refusal.reason else "",
        )
        raise


def _authenticate_user(
    settings: DirectorySettings, username: str, password: str, deadline: Deadline, admit: Admit | None
) -> DirectoryUser:
    context = _build_context(settings)
    with _refuse_odd_responses():
        entry = _find_entry(settings, context, username, deadline)
        user = _read_user(settings, entry, username)
        if username.lower() not in {name.lower() for name in _read_texts(entry, settings.username_attribute)}:
            raise DirectoryRefusal("User record mismatch.", f"the entry is {_shorten(entry['dn'])!r}")
    if admit is not None:
        admit(user)
    with _refuse_odd_responses():
        _verify_password(settings, context, entry["dn"], password, deadline)
    return user


@contextmanager
def _refuse_odd_responses() -> Iterator[None]:
    """Refuse a sign-in on any error: ldap3 raises errors of every type where a response is no LDAP."""
    try:
        yield
    except DirectoryRefusal:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {_shorten(str(error))!r}"
        raise DirectoryRefusal("LDAP authentication failed.", reason, level=logging.WARNING) from None


def _shorten(text: str) -> str:
    return text[:300]


def _build_context(settings: DirectorySettings) -> ssl.SSLContext | None:
    if not settings.needs_tls:
        return None
    try:
        return build_tls_context(settings)
    except OSError as error:
        reason = f"certificates of {settings.ca_file!r} cannot be read: {error}"
        raise DirectoryRefusal("Failed to configure TLS for LDAP connection.", reason, level=logging.ERROR) from None


def escape_filter_value(text: str) -> str:
    """Return a text that is compared literally in a search filter (RFC 4515): anything but letters and digits escaped.

    ldap3 escapes less, and reads `a~=b` or a space at the end as something else than the value.
    """
    return "".join(
        character
        if character.isascii() and character.isalnum()
        else "".join(f"\\{octet:02x}" for octet in character.encode())
        for character in text
    )


def _find_entry(
    settings: DirectorySettings, context: ssl.SSLContext | None, username: str, deadline: Deadline
) -> Mapping[str, Any]:
    """Return the entry of a user, as the application's account or an anonymous one sees it."""
    attributes = [settings.username_attribute, settings.mail_attribute, _NAME_ATTRIBUTE, settings.group_attribute]
    with open_connection(
        settings, context, deadline, user_dn=settings.app_dn, password=settings.app_password
    ) as connection:
        if not connection.bind(read_server_info=False):
            raise DirectoryRefusal("Application account bind failed", _describe_result(connection), level=logging.ERROR)
        connection.search(
            search_base=settings.search_base,
            search_filter=(
                f"(&({settings.username_attribute}={escape_filter_value(username.lower())}){settings.search_filter})"
            ),
            search_scope=SUBTREE,
            dereference_aliases=DEREF_ALWAYS,
            attributes=list(dict.fromkeys(attribute for attribute in attributes if attribute)),
            size_limit=_SIZE_LIMIT,
            time_limit=_SEARCH_SECONDS,
        )
        entries = [response for response in connection.response or () if response["type"] == "searchResEntry"]
        reason = _describe_result(connection)
    if not entries:
        raise DirectoryRefusal("User not found in the LDAP server", reason)
    if len(entries) > 1:
        log.warning("LDAP user %r is ambiguous, %s: the first entry is used", _shorten(username), settings.label)
    entry: Mapping[str, Any] = entries[0]
    return entry


def _describe_result(connection: Any) -> str:
    """Return the result of the last operation in the directory's words."""
    result = connection.result or {}
    return f"{result.get('description')} {_shorten(str(result.get('message') or ''))!r}"


def _read_texts(entry: Mapping[str, Any], attribute: str) -> list[str]:
    """Return the values of an attribute that are texts and not blank."""
    texts = []
    for value in entry["raw_attributes"].get(attribute) or ():
        try:
            text = bytes(value).decode()
        except UnicodeDecodeError:
            log.warning("LDAP attribute %s of %r skipped: it is not a text", attribute, _shorten(entry["dn"]))
            continue
        if text.strip():
            texts.append(text)
    return texts


def _read_user(settings: DirectorySettings, entry: Mapping[str, Any], username: str) -> DirectoryUser:
    addresses = [text.strip().lower() for text in _read_texts(entry, settings.mail_attribute)]
    if not addresses and settings.default_email_domain:
        default = f"{username}@{settings.default_email_domain}".lower()
        addresses = [default] if is_valid_email(default) else []
    address = next((address for address in addresses if _is_usable_address(address)), None)
    if address is None:
        reason = f"none in {settings.mail_attribute} of {_shorten(entry['dn'])!r}"
        raise DirectoryRefusal("User does not have a valid email address.", reason)
    names = _read_texts(entry, _NAME_ATTRIBUTE)
    groups = _read_texts(entry, settings.group_attribute) if settings.group_attribute else []
    return DirectoryUser(address, names[0] if names else username, list_group_names(groups))


def _is_usable_address(text: str) -> bool:
    """Return whether an account may have this address; directories also use names without a domain."""
    return len(text) <= MAX_EMAIL_LENGTH and text.isprintable() and " " not in text


def _verify_password(
    settings: DirectorySettings, context: ssl.SSLContext | None, user_dn: str, password: str, deadline: Deadline
) -> None:
    """Bind as the user.

    Raises:
        DirectoryRefusal: the directory refuses the password.
    """
    if not user_dn or not password.strip():  # either would be an anonymous bind, which succeeds without a password
        raise DirectoryRefusal("Authentication failed.", "the entry has no name")
    with open_connection(settings, context, deadline, user_dn=user_dn, password=password) as connection:
        if not connection.bind(read_server_info=False):
            raise DirectoryRefusal("Authentication failed.", _describe_result(connection))
