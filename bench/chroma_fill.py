"""Add chunks to Open WebUI's vector store, with its Python: `chroma_fill.py DIRECTORY COLLECTION FILE`.

The file contains a JSON object per line: id, text, metadata, vector. Fastback cannot be imported there.
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
                _upsert_batch(collection, batch)
                batch = []
        if batch:
            _upsert_batch(collection, batch)


def _upsert_batch(collection, batch) -> None:
    collection.upsert(
        ids=[chunk["id"] for chunk in batch],
        documents=[chunk["text"] for chunk in batch],
        metadatas=[chunk["metadata"] for chunk in batch],
        embeddings=[chunk["vector"] for chunk in batch],
    )


if __name__ == "__main__":
    main()
