"""Ollama's protocol, converted to and from OpenAI's."""
