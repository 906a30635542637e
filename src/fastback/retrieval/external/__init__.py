"""Search in external vector databases: Qdrant, Milvus, PostgreSQL with pgvector, each in its own protocol."""
