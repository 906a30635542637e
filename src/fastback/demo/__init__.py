"""A model server for demonstrations, tests and measurements; it speaks the protocols of OpenAI, Anthropic and Ollama.

It imports nothing of the rest of the program.
"""
