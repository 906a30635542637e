"""`fastback mfa reset`: remove the lost authenticator of a user, and print a ticket for a new enrolment."""

from __future__ import annotations

import argparse
import asyncio
import sys

from fastback.access.audit import AuditLog
from fastback.cli.database_file import require_database
from fastback.cli.failure import report_failure
from fastback.cli.options import collect_options, set_umask
from fastback.database_setup import open_database
from fastback.features.second_factors.resets import ResetError, reset_second_factor
from fastback.features.second_factors.security_log import SecurityLog
from fastback.kit.bus import Bus
from fastback.kit.db.errors import DatabaseError, RevisionError
from fastback.kit.http.errors import HttpError
from fastback.settings import Settings, SettingsError, load_settings, read_environment


def run_command(arguments: argparse.Namespace) -> int:
    """Print the ticket, alone on standard output, and return the exit code."""
    try:
        settings = load_settings(read_environment(collect_options(arguments)))
        require_database(settings)
        set_umask(settings.fastback_umask)
        ticket = asyncio.run(_reset(settings, arguments.email, arguments.reason))
    except (SettingsError, DatabaseError, RevisionError, ResetError) as error:
        return report_failure(str(error))
    except HttpError as error:
        return report_failure(str(error.detail))
    print(
        "The user signs in and enters this ticket. It is valid for 30 minutes, and once:", file=sys.stderr, flush=True
    )
    print(ticket)
    return 0


async def _reset(settings: Settings, email: str, reason: str) -> str:
    """Reset the second factor of a user, record it in the audit log, and return the ticket."""
    db, audit = await open_database(settings), AuditLog.from_settings(settings)
    try:
        return await reset_second_factor(db, SecurityLog(Bus(), audit), email=email, reason=reason)
    finally:
        await db.close()
        if audit is not None:
            audit.close()
