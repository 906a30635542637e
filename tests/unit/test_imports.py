"""What the server loads at its start: memory that nobody needs is not taken."""

from __future__ import annotations

import subprocess
import sys

#: Packages that work without a server, in processes of their own, or with a setting that few have.
HEAVY = (
    *(
        "asyncpg",
        "black",
        "boto3",
        "chromadb",
        "concurrent.futures.process",
        "cryptography",
        "kreuzberg",
        "lxml",
        "numpy",
    ),
    *("obstore", "onnxruntime", "pydantic", "pypdfium2", "qdrant_client", "redis", "requests", "rich", "tiktoken"),
    *("tokenizers", "torch", "urllib3"),
)
PROGRAM = """
import sys
from fastback import app, server
app.list_routers()
print(*sorted(name for name in sys.argv[1:] if sys.modules.get(name) is not None))
"""


def test_nothing_heavy_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, *HEAVY], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
