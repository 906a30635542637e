"""`fastback routes`: what is built."""

from __future__ import annotations

import argparse

from fastback.app import list_routers


def run(arguments: argparse.Namespace) -> int:
    routes = [route for router in list_routers() for route in router.routes]
    for route in sorted(routes, key=lambda one: (one.path, one.method)):
        print(f"{route.method:<7} {route.path}  {route.handler.__module__}.{route.handler.__name__}")
    return 0
