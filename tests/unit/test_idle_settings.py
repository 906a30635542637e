"""The compatibility page names every setting that nothing reads yet, and no other."""

from __future__ import annotations

from fnmatch import fnmatchcase

from idle_settings import IDLE_SETTINGS, list_unread_keys, matches_any

_PATTERNS = tuple(pattern for settings in IDLE_SETTINGS for pattern in settings.patterns)


def test_every_unread_setting_is_on_the_page() -> None:
    missing = [key for key in list_unread_keys() if not matches_any(key, _PATTERNS)]
    assert not missing, "read them, or add them to tests/idle_settings.py"


def test_the_page_names_no_setting_that_is_read() -> None:
    unread = list_unread_keys()
    outdated = [pattern for pattern in _PATTERNS if not any(fnmatchcase(key, pattern) for key in unread)]
    assert not outdated, "remove them from tests/idle_settings.py"
