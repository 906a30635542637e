"""`fastback backup`: write the installation into one archive, also while the server runs."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path

import msgspec

from fastback.cli.failure import report_failure
from fastback.cli.options import collect_options
from fastback.cli.passphrases import add_passphrase_option, make_passphrase_source
from fastback.cli.progress import ProgressDisplay
from fastback.kit.db.errors import DatabaseError
from fastback.settings import SettingsError, load_settings, read_environment
from fastback.transfer.backup import create_backup
from fastback.transfer.errors import TransferError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.add_argument("archive", nargs="?", help="file to write (default: fastback-TIME.tar.gz in this directory)")
    parser.add_argument("--encrypt", action="store_true", help="encrypt the archive with a passphrase")
    add_passphrase_option(parser)
    parser.add_argument("--data-dir", help="data directory to back up (default: ./data)")
    parser.add_argument("--quiet", action="store_true", help="print nothing but failures")
    parser.add_argument("--json", action="store_true", help="print the tables and the size as JSON")


def run_command(arguments: argparse.Namespace) -> int:
    """Write an archive and return the exit code."""
    os.umask(0o077)
    is_encrypted = arguments.encrypt or arguments.passphrase_file is not None
    suffix = ".tar.gz.enc" if is_encrypted else ".tar.gz"
    path = Path(arguments.archive or f"fastback-{time.strftime('%Y%m%d-%H%M%S')}{suffix}").absolute()
    display = ProgressDisplay("", quiet=arguments.quiet or arguments.json)
    try:
        env = read_environment(collect_options(arguments))
        passphrase = make_passphrase_source(arguments, is_new=True)() if is_encrypted else None
        result = asyncio.run(
            create_backup(load_settings(env), env, path, passphrase=passphrase, progress=display.update)
        )
    except (SettingsError, DatabaseError, TransferError) as error:
        return report_failure(str(error))
    except OSError as error:
        return report_failure(f"{error.filename or path}: {error.strerror or error}")
    except KeyboardInterrupt:
        return report_failure("interrupted; no archive was written")
    if arguments.json:
        print(msgspec.json.encode(result).decode())
        return 0
    for note in result.notes:
        print(f"fastback: {note}", file=sys.stderr)
    if not arguments.quiet:
        rows = sum(table.rows for table in result.tables.values())
        state = "encrypted, verified" if result.is_encrypted else "verified"
        print(f"{result.path}: {result.size} bytes, {rows} rows, {result.uploads} uploads; {state}")
    return 0
