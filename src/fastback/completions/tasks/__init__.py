"""Small tasks around a chat: titles, tags, follow-up questions, search queries, completions of a sentence."""
