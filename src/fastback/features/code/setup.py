"""Set up formatting and running of code."""

from __future__ import annotations

from fastback.features.code import routes
from fastback.features.code.formatting import CodeFormatter
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks


async def set_up(services: Services) -> None:
    """Register `CodeFormatter`."""
    formatter = CodeFormatter()
    services.add(CodeFormatter, formatter)
    services.get(Tasks).run_at_shutdown(formatter.workers.close)


COMPONENT = Component(name="code", routers=[routes.router], setup=set_up)
