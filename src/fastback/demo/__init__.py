"""A model server to look around with, and to test and measure against: it speaks the OpenAI protocol, and Ollama's.

It knows nothing of the rest of the program.
"""
