"""Import uvicorn without its command line, which brings click and multiprocessing: two megabytes that nothing uses."""

from __future__ import annotations

import sys
from types import ModuleType

if "uvicorn" not in sys.modules:
    _command_line = ModuleType("uvicorn.main")
    vars(_command_line).update(Server=None, main=None, run=None)
    sys.modules["uvicorn.main"] = _command_line
    try:
        import uvicorn  # noqa: F401
    finally:
        del sys.modules["uvicorn.main"]

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import Server

__all__ = ["ClientDisconnected", "Config", "HttpToolsProtocol", "Server", "WebSocketsSansIOProtocol"]
