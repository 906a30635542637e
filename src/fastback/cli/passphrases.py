"""Passphrases of archives: from a file, or typed on a terminal."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from pathlib import Path

from fastback.transfer.errors import TransferError


def add_passphrase_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the file of the passphrase."""
    parser.add_argument(
        "--passphrase-file", metavar="FILE", help="file whose first line is the passphrase; asked on a terminal without"
    )


def make_passphrase_source(arguments: argparse.Namespace, *, is_new: bool = False) -> Callable[[], str]:
    """Return a function that returns the passphrase; a new one is typed twice.

    The function raises TransferError where there is no passphrase.
    """

    def read() -> str:
        passphrase = _read_file(arguments.passphrase_file) if arguments.passphrase_file else _ask(is_new=is_new)
        if not passphrase:
            raise TransferError("the passphrase is empty")
        return passphrase

    return read


def _read_file(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise TransferError(f"{name}: {reason}") from error


def _ask(*, is_new: bool) -> str:
    if not sys.stdin.isatty():
        raise TransferError("the archive needs a passphrase: name its file with --passphrase-file")
    passphrase = getpass.getpass("Passphrase: ")
    if is_new and getpass.getpass("Again: ") != passphrase:
        raise TransferError("the passphrases differ")
    return passphrase
