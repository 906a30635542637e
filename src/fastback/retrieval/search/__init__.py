"""Search of collections: by vectors, by words, fused, and reranked."""
