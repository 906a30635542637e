"""Prompts: texts that people call by a command, with their versions."""
