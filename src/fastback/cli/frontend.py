"""`fastback frontend`: download the frontend of an Open WebUI release."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from fastback import REFERENCE_VERSION
from fastback.cli import fail
from fastback.frontend import fetch


def bar(what: str, done: int, of: int) -> None:
    """Draw a progress bar on a terminal; without a terminal, print one line at the end."""
    if not sys.stderr.isatty():
        if done == of:
            print(f"{what}: {of} files", file=sys.stderr)
        return
    width = 30
    filled = width * done // max(of, 1)
    end = "\n" if done == of else ""
    print(f"\r{what:<12} [{'#' * filled}{'.' * (width - filled)}] {done}/{of}", end=end, file=sys.stderr, flush=True)


def run(arguments: argparse.Namespace) -> int:
    """Download the frontend unless it exists, print its path, and return the exit code."""
    version = arguments.version or REFERENCE_VERSION
    if version not in fetch.HASHES:
        print(f"open-webui {version} has no known hash: the download is not verified", file=sys.stderr)
    chosen = os.environ.get("FASTBACK_CACHE_DIR")
    cache = Path(chosen) if chosen else None
    try:
        path = fetch.ensure_frontend(version, cache=cache, force=arguments.force, report=bar)
    except fetch.FetchError as error:
        return fail(str(error))
    print(f"frontend {version} is in {path}")
    return 0
