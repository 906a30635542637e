"""Tasks that wait for a connection to PostgreSQL or for a statement on it.

Here a request whose client has disconnected can be cancelled, which frees its connection. Anywhere else its task may
compute what other requests wait for.
"""

from __future__ import annotations

import asyncio
from typing import Any

waiting_tasks: set[asyncio.Task[Any] | None] = set()
