"""Searching vector databases of others: Qdrant, Milvus, PostgreSQL with pgvector, each over its own protocol."""
