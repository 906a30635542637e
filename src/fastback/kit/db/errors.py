"""Errors of a database, the same for both engines."""


class DatabaseError(Exception):
    """A statement failed; the text names the statement and gives the database's own reason."""


class IntegrityError(DatabaseError):
    """A unique, foreign-key or not-null constraint of the schema refused a row."""


class RevisionError(DatabaseError):
    """The database exists, but has a schema revision that this program does not support."""
