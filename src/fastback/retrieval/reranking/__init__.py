"""Passages judged by a question: by servers, or by a model on this machine."""
