"""Names of groups in distinguished names, and names of users in search filters."""

from __future__ import annotations

import time

import pytest

from fastback.features.ldap.directory_client import escape_filter_value
from fastback.features.ldap.group_names import MAX_GROUPS, find_common_name, list_group_names


@pytest.mark.parametrize(
    ("distinguished_name", "name"),
    [
        ("CN=Staff,OU=Groups,DC=example,DC=org", "Staff"),
        ("cn=staff,cn=groups,dc=example", "staff"),
        ("OU=Groups,CN=Inner,DC=example", "Inner"),
        ("2.5.4.3=By OID,dc=example", "By OID"),
        (r"CN=Sales\, EMEA,OU=x", "Sales, EMEA"),
        (r"CN=Sales\2C EMEA,OU=x", "Sales, EMEA"),
        (r"CN=a\+b\=c\\d\"e\;f,OU=x", 'a+b=c\\d"e;f'),
        ("CN=a=b,OU=x", "a=b"),
        (r"CN=Gr\C3\B6\C3\9Fe,OU=x", "Größe"),
        ("CN=Größe,OU=x", "Größe"),
        (r"CN=\23 one,OU=x", "# one"),
        (r"OU=a+CN=b,OU=x", "b"),
        ("CN = spaced , OU = x", "spaced"),
        (r"CN=end\ ,OU=x", "end "),
        (r"CN=\ start,OU=x", " start"),
        (r"CN=half\C3,OU=x", "half\ufffd"),
        ("CN=end\\", "end"),
        (r"CN=x\zy", "xzy"),
        ("CN=Deleted\\0ADEL:1,OU=x", "Deleted\nDEL:1"),
        ("CN=", ""),
        ("OU=x,DC=y", None),
        ("Staff", None),
        ("", None),
        (r"OU=x\,CN=no,DC=y", None),
    ],
)
def test_the_first_common_name_is_read(distinguished_name: str, name: str | None) -> None:
    assert find_common_name(distinguished_name) == name


def test_names_are_unique_and_limited() -> None:
    assert list_group_names(["cn=a,ou=x", "cn=b", "ou=none", "cn=", "CN=a,ou=y"]) == ["a", "b"]
    assert len(list_group_names(f"cn=group {number}" for number in range(3 * MAX_GROUPS))) == MAX_GROUPS


def test_long_names_are_read_in_time_proportional_to_their_length() -> None:
    started = time.process_time()
    for part in ("\\", "a,", "\\,", "cn", "=", "+"):
        find_common_name(part * 200_000)
    assert time.process_time() - started < 5


def test_filter_values_are_escaped() -> None:
    assert escape_filter_value("anna7") == "anna7"
    assert escape_filter_value("a*(b)\\") == r"a\2a\28b\29\5c"
    assert escape_filter_value("ä ~=") == r"\c3\a4\20\7e\3d"
