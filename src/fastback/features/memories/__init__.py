"""Memories: facts about users that models remember."""
