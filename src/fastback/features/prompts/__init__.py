"""Prompts: texts that users insert with a command, with their revisions."""
