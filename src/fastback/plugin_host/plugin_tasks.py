"""Count what plugins run by themselves, beside the calls of the server."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Any

import fastback

_OWN_CODE = str(Path(fastback.__file__).parent)
#: Threads that wait for work: those of executors.
_EXECUTOR_PREFIXES = ("asyncio_", "ThreadPoolExecutor", "plugin")


def count_plugin_tasks() -> int:
    """Return how many tasks and threads plugins have left behind."""
    own_paths = (_OWN_CODE, *_list_anyio_paths())
    tasks = sum(not _get_code_path(task.get_coro()).startswith(own_paths) for task in asyncio.all_tasks())
    threads = sum(
        thread is not threading.main_thread() and not thread.name.startswith(_EXECUTOR_PREFIXES)
        for thread in threading.enumerate()
    )
    return tasks + threads


def _list_anyio_paths() -> list[str]:
    """Return where anyio is, if it is in use. Its tasks end with the task that holds their group, which is counted."""
    anyio = sys.modules.get("anyio")
    return [str(Path(anyio.__file__).parent)] if anyio is not None and anyio.__file__ else []


def _get_code_path(coroutine: Any) -> str:
    """Return the file of a coroutine's code; that of this program for compiled coroutines."""
    code = getattr(coroutine, "cr_code", None) or getattr(coroutine, "gi_code", None)
    return code.co_filename if code is not None else _OWN_CODE
