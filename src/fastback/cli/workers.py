"""Several server processes on one port: uvicorn's manager starts them, watches them, and stops them together.

The manager's process serves nothing. Each worker is a process of the installation like any other: what they share goes
over Redis and PostgreSQL.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection, wait

from fastback.kit import log as logs
from fastback.kit.http.uvicorn_import import Config as UvicornConfig
from fastback.kit.listener import StartError, bind_listener
from fastback.kit.memory_allocator import configure_allocator
from fastback.kit.service_manager import ServiceManager
from fastback.settings import Settings, read_environment

# After `uvicorn_import`, which keeps uvicorn's command line out.
from uvicorn.config import STARTUP_FAILURE  # isort: skip
from uvicorn.supervisors import multiprocess  # isort: skip

log = logging.getLogger("fastback")

#: Seconds in which a worker answers its manager; one that does not is replaced.
HEALTH_SECONDS = 30
#: Seconds that workers take to end after their grace period, at most.
STOP_SECONDS = 5.0
#: Seconds after which a worker that could not start is replaced.
RESTART_SECONDS = 2.0
#: Seconds between two looks whether the manager has died.
_PARENT_PAUSE = 0.2


def require_shared_services(settings: Settings) -> None:
    """Check that several processes can share what one process keeps to itself.

    Raises:
        StartError: there is no Redis, or the database is SQLite.
    """
    count = settings.uvicorn_workers
    if count < 2:
        return
    if settings.database_url.startswith("sqlite"):
        raise StartError(
            f"UVICORN_WORKERS={count} needs PostgreSQL and Redis, and the database is SQLite: set DATABASE_URL, or "
            "run one process"
        )
    if not settings.may_span_processes:
        raise StartError(f"UVICORN_WORKERS={count} needs Redis: set REDIS_URL, or run one process")


class _Worker(multiprocess.Process):
    """A server process, as its manager sees it."""

    #: Whether a worker has served: then one that cannot start is no reason to stop the others.
    has_served = False

    def __init__(self, config: _ManagerConfig, sockets: list[socket.socket]) -> None:
        self.config = config
        self.parent_conn, self.child_conn = Pipe()
        self.process = get_context("spawn").Process(
            target=_run_worker,
            args=(
                config.settings,
                config.options,
                config.run_server,
                sockets[0],
                self.parent_conn,
                self.child_conn,
                os.getpid(),
                _Worker.has_served,
            ),
        )

    def _healthcheck(self, timeout: float) -> bool | None:
        """Return whether the worker has started; None where it does not answer in time, or dies instead."""
        try:
            self.parent_conn.send(b"ping")
            if self.parent_conn in wait([self.parent_conn, self.process.sentinel], timeout):
                return bool(self.parent_conn.recv())
        except (OSError, EOFError, pickle.UnpicklingError):
            pass
        return None


class _ManagerConfig(UvicornConfig):
    """The configuration of the manager, and what its workers need."""

    def __init__(self, settings: Settings, options: dict[str, str], run_server: Callable[..., int]) -> None:
        super().__init__(
            "fastback",
            workers=settings.uvicorn_workers,
            log_config=None,
            access_log=False,
            timeout_worker_healthcheck=HEALTH_SECONDS,
        )
        self.settings = settings
        self.options = options
        self.run_server = run_server


class _Manager(multiprocess.Multiprocess):
    """uvicorn's manager, which starts the first worker alone: it creates the schema of a new database."""

    config: _ManagerConfig
    #: systemd, which hears only the manager.
    service: ServiceManager

    def init_processes(self) -> None:
        self._start_worker()

    def _start_worker(self) -> None:
        worker = _Worker(self.config, self.sockets)
        worker.start()
        self.processes.append(worker)

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        self.service.notify("WATCHDOG=1")
        is_complete = len(self.processes) >= self.processes_num
        if not is_complete and not self.should_exit.is_set() and self.processes[0].is_ready(timeout=HEALTH_SECONDS):
            if not _Worker.has_served:
                _Worker.has_served = True
                self.service.report_ready(f"port {self.config.settings.port}")
            while len(self.processes) < self.processes_num:
                self._start_worker()

    def join_all(self) -> None:
        """Wait until the workers have ended; a further signal ends their grace period.

        The listener is closed first: no worker accepts what would arrive while another process has it open.
        """
        for listener in self.sockets:
            listener.close()
        self.service.report_stopping(self.config.settings.fastback_shutdown_grace_seconds + STOP_SECONDS)
        while any(worker.process.is_alive() for worker in self.processes):
            if self.signal_queue:
                is_stop = bool({signal.SIGINT, signal.SIGTERM} & set(self.signal_queue))
                self.signal_queue.clear()
                for worker in self.processes if is_stop else ():
                    worker.process.terminate()
            time.sleep(0.05)
        super().join_all()


def run_workers(settings: Settings, options: dict[str, str], run_server: Callable[..., int]) -> int:
    """Run the workers until a signal stops them, and return the exit code; `options` are those of the command line.

    `run_server` serves in one of them; see `fastback.cli.serve`.

    Raises:
        StartError: the address cannot be bound, or the processes could share nothing.
    """
    require_shared_services(settings)
    listener = bind_listener(settings.host, settings.port)
    vars(multiprocess)["Process"] = _Worker
    manager = _Manager(_ManagerConfig(settings, options, run_server), [listener])
    manager.service = ServiceManager(os.environ)
    log.info("starting %d processes", settings.uvicorn_workers)
    manager.run()
    return int(any(worker.exitcode for worker in manager.processes))


class _Health:
    """Answer the manager of this process, and stop this process when the manager has died."""

    def __init__(self, connection: Connection, manager_id: int) -> None:
        self._connection = connection
        self._manager_id = manager_id
        self.is_ready = False

    def start(self) -> None:
        threading.Thread(target=self._answer, daemon=True).start()

    def note_ready(self, _: str) -> None:
        self.is_ready = True

    def _answer(self) -> None:
        try:
            while True:
                self._connection.recv()
                self._connection.send(self.is_ready)
        except (EOFError, OSError):
            # The manager has closed the connection as it stops its workers, or it has died.
            while os.getppid() == self._manager_id:
                time.sleep(_PARENT_PAUSE)
            os.kill(os.getpid(), signal.SIGTERM)


def _run_worker(
    settings: Settings,
    options: dict[str, str],
    run_server: Callable[..., int],
    listener: socket.socket,
    manager_connection: Connection,
    connection: Connection,
    manager_id: int,
    is_replacement: bool,
) -> None:
    """Serve in a process of its own. Where a replacement cannot start, the manager starts another after a pause."""
    os.environ.pop("NOTIFY_SOCKET", None)
    os.setpgid(0, 0)  # Ctrl-C reaches the manager only, which stops its workers
    manager_connection.close()
    health = _Health(connection, manager_id)
    health.start()
    configure_allocator()
    logs.configure_logging(settings.global_log_level, settings.log_format)
    code = STARTUP_FAILURE
    try:
        code = run_server(settings, read_environment(options), ready=health.note_ready, listener=listener)
    finally:
        if code and is_replacement and not health.is_ready:
            time.sleep(RESTART_SECONDS)
    if code:
        sys.exit(1 if is_replacement or health.is_ready else STARTUP_FAILURE)
