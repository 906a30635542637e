"""`python -m bench.embedding_server PORT`: an embedding server for measurements, that answers in a fraction of a millisecond.

A text's vector is the sum of its words' vectors, which are drawn by chance from the words: texts that share words are
near each other. OpenAI's protocol, 384 numbers.
"""

from __future__ import annotations

import hashlib
import re
import sys
from functools import cache
from typing import Any

import msgspec
import numpy as np
from aiohttp import web

DIMENSIONS = 384
#: What a number counts in place of a word: it says more of what a text is about.
_NUMBER = 6.0


@cache
def _word(word: str) -> Any:
    weight = _NUMBER if word.isdigit() else 1.0
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
    return weight * np.random.default_rng(seed).standard_normal(DIMENSIONS, dtype=np.float32)


def vectors(texts: list[str]) -> Any:
    """Unit vectors, a row for each text."""
    found = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for place, text in enumerate(texts):
        words = re.findall(r"\w+", text.lower())
        if words:
            found[place] = sum(_word(word) for word in words)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


async def _embed(request: web.Request) -> web.Response:
    body = msgspec.json.decode(await request.read())
    given = body["input"]
    texts = given if isinstance(given, list) else [given]
    rows = [
        {"object": "embedding", "index": place, "embedding": row.tolist()} for place, row in enumerate(vectors(texts))
    ]
    answer = {"object": "list", "data": rows, "model": body.get("model"), "usage": {"prompt_tokens": 1}}
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


async def _models(request: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": []})


def main() -> None:
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.router.add_post("/v1/embeddings", _embed)
    application.router.add_get("/v1/models", _models)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
