"""Run by Open WebUI's Python: puts chunks into its vector store. `chroma_fill.py DIRECTORY COLLECTION FILE`.

The file holds a JSON object a line: id, text, metadata, vector. Nothing of ours can be imported there.
"""

import json
import sys
from pathlib import Path

import chromadb
from chromadb.config import Settings

BATCH = 2000


def main() -> None:
    directory, name, path = sys.argv[1:]
    client = chromadb.PersistentClient(path=directory, settings=Settings(anonymized_telemetry=False))
    collection = client.get_or_create_collection(name=name, metadata={"hnsw:space": "cosine"})
    with Path(path).open(encoding="utf-8") as lines:
        batch = []
        for line in lines:
            batch.append(json.loads(line))
            if len(batch) == BATCH:
                _add(collection, batch)
                batch = []
        if batch:
            _add(collection, batch)


def _add(collection, batch) -> None:
    collection.upsert(
        ids=[one["id"] for one in batch],
        documents=[one["text"] for one in batch],
        metadatas=[one["metadata"] for one in batch],
        embeddings=[one["vector"] for one in batch],
    )


if __name__ == "__main__":
    main()
