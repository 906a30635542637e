"""`python -m bench.embedding_server PORT`: an embedding server for measurements.

It answers in less than a millisecond. The vector of a text is the sum of the vectors of its words, which are
pseudo-random: texts that share words are close to each other. It speaks OpenAI's protocol; vectors have 384 dimensions.
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
#: The weight of a number relative to a word: numbers say more about the subject of a text.
_NUMBER_WEIGHT = 6.0


@cache
def _embed_word(word: str) -> Any:
    weight = _NUMBER_WEIGHT if word.isdigit() else 1.0
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
    return weight * np.random.default_rng(seed).standard_normal(DIMENSIONS, dtype=np.float32)


def embed_texts(texts: list[str]) -> Any:
    """Return unit vectors, a row for each text."""
    rows = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for index, text in enumerate(texts):
        words = re.findall(r"\w+", text.lower())
        if words:
            rows[index] = sum(_embed_word(word) for word in words)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


async def _embed(request: web.Request) -> web.Response:
    body = msgspec.json.decode(await request.read())
    inputs = body["input"]
    texts = inputs if isinstance(inputs, list) else [inputs]
    rows = [
        {"object": "embedding", "index": index, "embedding": row.tolist()}
        for index, row in enumerate(embed_texts(texts))
    ]
    answer = {"object": "list", "data": rows, "model": body.get("model"), "usage": {"prompt_tokens": 1}}
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


async def _list_models(request: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": []})


def main() -> None:
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.router.add_post("/v1/embeddings", _embed)
    application.router.add_get("/v1/models", _list_models)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
