"""`fastback frontend`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from fastback import REFERENCE_VERSION
from fastback.cli import fail
from fastback.frontend import fetch


def bar(what: str, done: int, of: int) -> None:
    """Draw how far it has come, on a terminal."""
    if not sys.stderr.isatty():
        if done == of:
            print(f"{what}: {of} files", file=sys.stderr)
        return
    width = 30
    filled = width * done // max(of, 1)
    end = "\n" if done == of else ""
    print(f"\r{what:<12} [{'#' * filled}{'.' * (width - filled)}] {done}/{of}", end=end, file=sys.stderr, flush=True)


def run(arguments: argparse.Namespace) -> int:
    version = arguments.version or REFERENCE_VERSION
    if version not in fetch.HASHES:
        print(f"open-webui {version} is not known here: its hash is not checked", file=sys.stderr)
    chosen = os.environ.get("FASTBACK_CACHE_DIR")
    cache = Path(chosen) if chosen else None
    try:
        path = fetch.ensure(version, cache=cache, force=arguments.force, report=bar)
    except fetch.FetchError as error:
        return fail(str(error))
    print(f"frontend {version} is in {path}")
    return 0
