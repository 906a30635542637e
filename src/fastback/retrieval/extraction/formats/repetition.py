"""Quantifiers for groups of records in patterns: possessive ones, which remember nothing of millions of records.

Before Python 3.11.5 these missed matches of groups with alternatives. A greedy quantifier at the end of a pattern finds
the same records, with more memory.
"""

from __future__ import annotations

import sys

_SUFFIX = b"+" if sys.version_info >= (3, 11, 5) else b""
ANY_NUMBER, AT_LEAST_ONE = b"*" + _SUFFIX, b"+" + _SUFFIX
