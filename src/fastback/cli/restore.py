"""`fastback restore`: put the installation of an archive into a data directory and its database."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

import msgspec

from fastback.cli.failure import report_failure
from fastback.cli.options import collect_options
from fastback.cli.passphrases import add_passphrase_option, make_passphrase_source
from fastback.cli.progress import ProgressDisplay
from fastback.kit.db.errors import DatabaseError
from fastback.settings import SettingsError, load_settings, read_environment
from fastback.transfer.errors import TransferError
from fastback.transfer.restore import complete_interrupted_restore, restore_backup


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.add_argument("archive", help="file that fastback backup wrote")
    parser.add_argument("--overwrite", action="store_true", help="replace the existing installation")
    add_passphrase_option(parser)
    parser.add_argument(
        "--data-dir", help="data directory to restore into (default: ./data); the database is that of the settings"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but failures")
    parser.add_argument("--json", action="store_true", help="print what was restored as JSON")


def run_command(arguments: argparse.Namespace) -> int:
    """Restore an archive and return the exit code."""
    os.umask(0o077)
    logging.getLogger("fastback").setLevel(logging.ERROR)  # the creation of indexes is slow
    display = ProgressDisplay("", quiet=arguments.quiet or arguments.json)
    try:
        settings = load_settings(read_environment(collect_options(arguments)))
        if complete_interrupted_restore(settings):
            print("fastback: an interrupted restore was completed; nothing else was done", file=sys.stderr)
            return 0
        result = asyncio.run(
            restore_backup(
                Path(arguments.archive),
                settings,
                get_passphrase=make_passphrase_source(arguments),
                overwrite=arguments.overwrite,
                progress=display.update,
            )
        )
    except (SettingsError, DatabaseError, TransferError) as error:
        return report_failure(str(error))
    except OSError as error:
        return report_failure(f"{error.filename or arguments.archive}: {error.strerror or error}")
    except KeyboardInterrupt:
        return report_failure("interrupted; run the command again")
    if arguments.json:
        print(msgspec.json.encode(result).decode())
        return 0
    if not arguments.quiet:
        for note in result.notes:
            print(f"fastback: {note}", file=sys.stderr)
        for name, count in result.removed.items():
            print(f"{name}: {count} rows removed, which belong to records that no longer exist")
        print(f"restored {', '.join(result.parts)} into {settings.data_path} ({result.dialect})")
    return 0
