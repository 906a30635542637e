"""Errors of a database, the same for both engines."""


class DatabaseError(Exception):
    """A statement failed; the text names the statement and gives the database's own reason."""


class IntegrityError(DatabaseError):
    """A unique, foreign-key or not-null constraint of the schema refused a row."""


class InvalidValueError(DatabaseError):
    """A value is out of range, too long for an index, or has characters that cannot be stored."""


class RevisionError(DatabaseError):
    """The database exists, but has a schema revision that this program does not support."""


class DatabaseUnavailable(DatabaseError):
    """The database cannot be reached, or does not respond: the same statement may succeed in some seconds.

    A change that was under way when the connection was lost may have been stored or not; any other has had no effect.
    """


class DatabaseBusy(DatabaseUnavailable):
    """The database responds, but a lock was held, a statement ran, or all connections were in use for too long.

    The statement has had no effect.
    """


class StorageFull(DatabaseError):
    """The disk of the database is full; the statement has had no effect."""


def restore_error(name: str, text: str) -> DatabaseError:
    """Return the error of a process that has reported the name of its class and its text."""
    kinds = (DatabaseBusy, DatabaseUnavailable, IntegrityError, InvalidValueError, StorageFull)
    return next((kind for kind in kinds if kind.__name__ == name), DatabaseError)(text)
