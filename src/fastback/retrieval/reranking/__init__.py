"""Reranking: scores of passages for a question, by a server or by a model on this machine."""
