"""Engines of others that make text out of files, one a module; `table.py` lists them."""
