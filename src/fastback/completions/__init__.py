"""A chat turn, stage by stage: request, context, provider, stream, persistence, follow-ups."""
