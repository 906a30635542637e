"""Readers of file formats, one in each module. They run in worker processes only."""
