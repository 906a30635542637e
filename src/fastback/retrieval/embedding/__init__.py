"""Embedding: vectors of texts, by a server or by a model on this machine."""
