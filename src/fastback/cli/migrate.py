"""`fastback migrate`: copy the database of an installation into another one, of the same or the other engine."""

from __future__ import annotations

import argparse
import asyncio
import logging

import msgspec

from fastback.cli.failure import report_failure
from fastback.cli.progress import ProgressDisplay
from fastback.kit.db.errors import DatabaseError
from fastback.settings import SettingsError
from fastback.transfer.addresses import parse_address
from fastback.transfer.errors import TransferError
from fastback.transfer.migration import MigrationResult, migrate_database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.add_argument("--from", dest="source", required=True, metavar="URL", help="sqlite:///path or postgresql://…")
    parser.add_argument("--to", dest="target", required=True, metavar="URL", help="an empty database, as above")
    parser.add_argument("--from-schema", metavar="NAME", help="PostgreSQL schema of the source's tables")
    parser.add_argument("--to-schema", metavar="NAME", help="PostgreSQL schema for the target's tables, which exists")
    parser.add_argument(
        "--restart", action="store_true", help="discard what an interrupted migration has copied, instead of continuing"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but failures")
    parser.add_argument("--json", action="store_true", help="print the tables with their checksums as JSON")


def run_command(arguments: argparse.Namespace) -> int:
    """Migrate a database and return the exit code."""
    logging.getLogger("fastback").setLevel(logging.ERROR)  # the creation of indexes is slow
    display = ProgressDisplay("rows", quiet=arguments.quiet or arguments.json)
    try:
        source = parse_address(arguments.source, arguments.from_schema)
        target = parse_address(arguments.target, arguments.to_schema)
        result = asyncio.run(migrate_database(source, target, display.update, restart=arguments.restart))
    except (SettingsError, DatabaseError, TransferError) as error:
        return report_failure(str(error))
    except KeyboardInterrupt:
        return report_failure("interrupted; run the command again to continue where it stopped")
    if arguments.json:
        print(msgspec.json.encode(result).decode())
    elif not arguments.quiet:
        _print_summary(result)
    return 0


def _print_summary(result: MigrationResult) -> None:
    """Print what was copied, and what was not."""
    rows = sum(table.rows for table in result.tables)
    begun = " (continued)" if result.was_continued else ""
    print(f"{len(result.tables)} tables with {rows} rows copied{begun}; the checksums of both sides agree")
    for table in result.tables:
        if table.skipped:
            print(f"{table.name}: {table.skipped} rows without a primary key skipped")
    for name, count in result.removed.items():
        print(f"{name}: {count} rows removed, which belong to records that no longer exist")
    if result.strangers:
        print(f"not part of the schema, not copied: {', '.join(result.strangers)}")
