"""Retrieval: extraction, splitting, embedding, vector stores, search. It knows bytes and ids, and no rows of the
database.

`interfaces` has the protocols between the parts; each part is a folder of its own.
"""
