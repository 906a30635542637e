"""`fastback frontend`: download the frontend of an Open WebUI release."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from fastback import REFERENCE_VERSION
from fastback.cli.failure import report_failure
from fastback.cli.progress import ProgressDisplay
from fastback.frontend import fetch


def run_command(arguments: argparse.Namespace) -> int:
    """Download the frontend unless it exists, print its path, and return the exit code."""
    version = arguments.version or REFERENCE_VERSION
    if not fetch.is_version(version):
        return report_failure(f"{version!r} is not a version; leave --version out for {REFERENCE_VERSION}")
    if version not in fetch.HASHES:
        print(f"open-webui {version} has no known hash: the download is not verified", file=sys.stderr)
    directory = os.environ.get("FASTBACK_CACHE_DIR")
    cache = Path(directory) if directory else None
    if arguments.force or not fetch.is_complete(fetch.get_location(version, cache)):
        print("Downloading the frontend: 107 MB, unpacked 360 MB; about a minute", file=sys.stderr, flush=True)
    display = ProgressDisplay("files")
    try:
        path = fetch.ensure_frontend(version, cache=cache, force=arguments.force, report=display.update)
    except fetch.FetchError as error:
        return report_failure(str(error))
    print(f"frontend {version} is in {path}")
    return 0
