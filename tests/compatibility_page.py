"""Makes `docs/compatibility.md`: `python tests/compatibility_page.py > docs/compatibility.md`.

What is built is asked of the program, what is tested of the tests, so a checkout is needed; only what an operation that
is not built waits for is written down here.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import operation_coverage
from fastback.compatibility.operations import REFUSED_AT_LAST, Operation, list_operations
from parity import coverage

#: Of the first that fits a path is what the operation waits for.
WAITS = (
    (r"/api/v1/apps\b|/channels/{[a-z_]*}/apps\b", "apps"),
    (r"/api/v1/audio\b", "speech"),
    (r"/api/v1/images\b", "pictures"),
    (r"/api/v1/channels\b", "channels"),
    (r"/api/v1/notes\b", "notes"),
    (r"/api/v1/memories\b", "memories"),
    (r"/api/v1/calendars\b", "calendars"),
    (r"/api/v1/automations\b", "automations"),
    (r"/api/v1/files\b", "files"),
    (r"/api/v1/knowledge\b", "knowledge"),
    (r"/api/v1/retrieval\b", "retrieval"),
    (r"/api/v1/terminals\b", "terminals"),
    (r"/auths/mfa\b", "second factors"),
    (r"/auths/ldap\b", "LDAP"),
    (r"/scim\b", "SCIM"),
    (r"^/oauth\b|/oauth/", "OAuth"),
    (r"/api/v1/utils/code\b", "running code"),
    (r"/actions/|/tools/|/functions/", "running plugins"),
)
#: What of operations that are built is not done.
LEFT_OUT = "A connection that signs in with Entra ID or with the user's OAuth token is not asked."
#: So many of each kind are named in a row.
_NAMED = 3


def get_missing_capability(path: str) -> str:
    """The capability that an operation which is not built waits for. Raises: LookupError for an unknown path."""
    for pattern, capability in WAITS:
        if re.search(pattern, path):
            return capability
    raise LookupError(f"say in {Path(__file__).name} what {path} waits for")


def _named(found: dict[str, Counter[Operation]], operation: Operation) -> str:
    """Who asks the operation, most often first."""
    names = sorted((name for name in found if found[name][operation]), key=lambda name: -found[name][operation])
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return ", ".join([*(f"`{name}`" for name in names[:_NAMED]), *more])


def build_page() -> str:
    """The page."""
    done = coverage.operations_built() - REFUSED_AT_LAST
    everything = list_operations()
    scenarios, tests = coverage.of_scenarios(), operation_coverage.count_operations_of_tests()
    waiting = Counter(get_missing_capability(one.path) for one in everything if one not in done)
    areas: dict[str, list[str]] = {}
    ready: Counter[str] = Counter()
    for operation in everything:
        parts = operation.path.strip("/").split("/")
        area = "/".join(parts[:3]) if parts[:2] == ["api", "v1"] else (parts[0] or "/")
        state = "built" if operation in done else f"501, waits for {get_missing_capability(operation.path)}"
        ready[area] += operation in done
        cells = (
            operation.method,
            f"`{operation.path}`",
            state,
            _named(scenarios, operation),
            _named(tests, operation),
        )
        areas.setdefault(area, []).append(f"| {' | '.join(cells)} |")
    lines = [
        "# Compatibility with Open WebUI 0.12.4",
        "",
        "Made by `python tests/compatibility_page.py`. An operation that is not built answers `501` with "
        '`{"detail": "… is not built in this release of Fastback …"}`; it never pretends.',
        "",
        f"**{len(done)} of {len(everything)} operations are built.** WebSockets beside them: `/ws/socket.io` "
        "(Socket.IO, both transports) and `/api/ws/chat`.",
        "",
        *_waiting(waiting),
        LEFT_OUT,
        "",
        "*Recorded* names scenarios of `tests/parity/scenarios`, whose answers were recorded from Open WebUI and are "
        "compared with ours; *tests* names files of `tests/api`. Both are read from their code, those first that ask "
        "most. Where scenarios ask what is not built here, the answers wait too.",
        "",
    ]
    for area, rows in sorted(areas.items()):
        lines += [f"## {area} ({ready[area]} of {len(rows)})", ""]
        lines += ["| method | path | state | recorded | tests |", "|---|---|---|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def _waiting(counts: Counter[str]) -> list[str]:
    if not counts:
        return []
    named = ", ".join(f"{capability} ({count})" for capability, count in counts.most_common())
    return [f"What waits, with the number of operations: {named}.", ""]


if __name__ == "__main__":
    print(build_page(), end="")
