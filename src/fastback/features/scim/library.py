"""Loading of scim2-models, which reads filters, paths, patches and resources of the standard.

With pydantic and lark it takes a second and 15 MB, so it is imported by the first request that needs it, in a thread.
What imports it is in `standard/`.
"""

from __future__ import annotations

import asyncio
import importlib
import sys

_MODULE = "fastback.features.scim.standard"


def is_library_loaded() -> bool:
    """Return whether `standard` can be imported without waiting."""
    module = sys.modules.get(_MODULE)
    return module is not None and hasattr(module, "IS_LOADED")


async def load_library() -> bool:
    """Import `standard` in a thread, and return True. Several first requests wait for one import."""
    await asyncio.to_thread(importlib.import_module, _MODULE)
    return True
