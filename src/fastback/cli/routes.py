"""`fastback routes`: list the operations of the HTTP API."""

from __future__ import annotations

import argparse

from fastback.components import list_routers


def run_command(arguments: argparse.Namespace) -> int:
    """Print a line for each operation: method, path and handler; return exit code 0."""
    routes = [route for router in list_routers() for route in router.routes]
    for route in sorted(routes, key=lambda item: (item.path, item.method)):
        print(f"{route.method:<7} {route.path}  {route.handler.__module__}.{route.handler.__name__}")
    return 0
