"""Vector stores: SQLite (built in), pgvector, Qdrant and Chroma."""
