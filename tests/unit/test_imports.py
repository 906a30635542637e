"""The modules that the server imports at its start: heavy packages are imported only when needed."""

from __future__ import annotations

import subprocess
import sys

#: Packages that are used outside the server, in worker processes, or only with a rare setting.
HEAVY = (
    *(
        "asyncpg",
        "authlib",
        "black",
        "boto3",
        "chromadb",
        "concurrent.futures.process",
        "cryptography",
        "joserfc",
        "kreuzberg",
        "ldap3",
        "lxml",
        "numpy",
    ),
    *(
        "obstore",
        "onnxruntime",
        "opentelemetry",
        "prometheus_client",
        "pydantic",
        "pypdfium2",
        "qdrant_client",
        "redis",
        "requests",
        "rich",
        "tiktoken",
    ),
    *("tokenizers", "torch", "urllib3"),
)
PROGRAM = """
import sys
from fastback import app, server
app.list_routers()
print(*sorted(name for name in sys.argv[1:] if sys.modules.get(name) is not None))
"""


def test_the_server_loads_no_heavy_package() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM, *HEAVY], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
