"""Formatting and running of Python code for the frontend."""
