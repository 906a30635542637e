"""`fastback routes`: what is built."""

from __future__ import annotations

import argparse

from fastback.app import routers
from fastback.compatibility.operations import REFUSED_AT_LAST, built, contract


def run(arguments: argparse.Namespace) -> int:
    routes = [route for router in routers() for route in router.routes]
    if arguments.markdown:
        print(markdown(), end="")
        return 0
    for route in sorted(routes, key=lambda one: (one.path, one.method)):
        print(f"{route.method:<7} {route.path}  {route.handler.__module__}.{route.handler.__name__}")
    return 0


def markdown() -> str:
    """The page `docs/compatibility.md`."""
    routes = [route for router in routers() for route in router.routes]
    done = built(routes) - REFUSED_AT_LAST
    everything = contract()
    lines = [
        "# Compatibility with Open WebUI 0.12.4",
        "",
        "Made by `fastback routes --markdown`. An operation that is not built answers `501` with "
        '`{"detail": "… is not built in this release of Fastback …"}`; it never pretends.',
        "",
        f"**{len(done)} of {len(everything)} operations are built.** WebSockets beside them: `/ws/socket.io` "
        "(Socket.IO, both transports) and `/api/ws/chat`.",
        "",
        "What waits: running tools and functions, retrieval and files, channels, notes, memories, automations and "
        "calendars beyond their lists, speech, pictures, LDAP, OAuth, SCIM and second factors. A connection that "
        "signs in with Entra ID or with the user's OAuth token is not asked. A chat that refers to "
        "files or knowledge is answered without them.",
        "",
    ]
    areas: dict[str, list[str]] = {}
    for operation in everything:
        parts = operation.path.strip("/").split("/")
        area = "/".join(parts[:3]) if parts[:2] == ["api", "v1"] else (parts[0] or "/")
        state = "built" if operation in done else "501"
        areas.setdefault(area, []).append(f"| {operation.method} | `{operation.path}` | {state} |")
    for area, rows in sorted(areas.items()):
        ready = sum(row.endswith("| built |") for row in rows)
        lines += [f"## {area} ({ready} of {len(rows)})", "", "| method | path | state |", "|---|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"
