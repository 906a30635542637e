"""The metrics of all worker processes of one server, whichever of them a collector reaches.

Workers share one port, so each listens on a Unix socket in a directory that they share, and sends its metrics to a
worker that asks for them. A socket that does not answer is left over from a worker that has ended, and is removed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from fastback.kit.metrics.exposition import merge_texts
from fastback.kit.metrics.registry import Metrics

log = logging.getLogger("fastback.metrics")

#: Seconds that another worker has to answer.
_TIMEOUT_SECONDS = 1.0
#: Bytes of the metrics of a worker.
_MAX_BYTES = 16 * 1024 * 1024
_SUFFIX = ".sock"


def get_shared_directory(parent_id: int) -> Path:
    """Return the directory of the workers that one process has started."""
    return Path(tempfile.gettempdir()) / f"fastback-metrics-{os.getuid()}-{parent_id}"


class WorkerExchange:
    """Render the metrics of this worker and of its siblings in `directory`; `worker` is the name of this one."""

    def __init__(self, metrics: Metrics, *, directory: Path, worker: str) -> None:
        self._metrics = metrics
        self._directory = directory
        self._worker = worker
        self._path = directory / f"{worker}{_SUFFIX}"
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen to other workers.

        Raises:
            OSError: the directory cannot be used, or belongs to another user.
        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        if self._directory.stat().st_uid != os.getuid():
            raise PermissionError(13, "it belongs to another user", str(self._directory))
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._answer, self._path)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write((await self._metrics.render()).encode())
            await writer.drain()
        writer.close()

    async def render(self) -> str:
        """Return the metrics of all workers, each sample with the label `worker`."""
        paths = [path for path in self._directory.glob(f"*{_SUFFIX}") if path != self._path]
        texts = await asyncio.gather(self._metrics.render(), *(_read(path) for path in paths))
        workers = [self._worker, *(path.name.removesuffix(_SUFFIX) for path in paths)]
        named = {worker: text for worker, text in zip(workers, texts, strict=True) if text is not None}
        return merge_texts(dict(sorted(named.items())))

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        with suppress(OSError):  # other workers still use it
            self._directory.rmdir()


async def _read(path: Path) -> str | None:
    """Return the metrics of another worker; None where it does not answer."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path, limit=_MAX_BYTES)
            try:
                return (await reader.read(-1)).decode()
            finally:
                writer.close()
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)
    except (OSError, TimeoutError) as error:
        log.warning("reading the metrics of worker %s failed: %r", path.name.removesuffix(_SUFFIX), error)
    return None
