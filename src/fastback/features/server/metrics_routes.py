"""`/metrics`: what the server counts, in the text format of Prometheus. The document of the API does not list it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from fastback.features.server.metrics_access import MetricsAccess
from fastback.kit.http import NotFound, Router
from fastback.kit.metrics import Metrics
from fastback.kit.metrics.worker_exchange import WorkerExchange
from fastback.kit.services import Services

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def make_metrics_router(services: Services) -> Router:
    """Return the router of the metrics, which answers 404 where they are disabled."""
    router = Router()

    @router.get("/metrics")
    async def get_metrics(request: Request, access: MetricsAccess) -> Response:
        """Return the metrics of this server, of all of its workers."""
        access.require(request)
        if services.has(WorkerExchange):
            text = await services.get(WorkerExchange).render()
        elif services.has(Metrics):
            text = await services.get(Metrics).render()
        else:
            raise NotFound("Not Found")
        return Response(text, headers={"content-type": _CONTENT_TYPE, "cache-control": "no-store"})

    return router
