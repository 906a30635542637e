"""From files to answers: extraction, splitting, embedding, vector stores, search. Knows bytes and ids, no file's row.

`contracts` says what the parts promise each other; each part is a folder of its own.
"""
