"""Generations around a chat: titles, tags, follow-up questions, search queries, the rest of a sentence, summaries."""
