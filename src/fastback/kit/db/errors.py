"""What can go wrong between a statement and its rows, whichever database answers."""


class DatabaseError(Exception):
    """A statement failed; the text names the statement and the database's own reason."""


class IntegrityError(DatabaseError):
    """A unique, foreign-key or not-null rule of the schema refused a row."""


class RevisionError(DatabaseError):
    """The database exists, but at a schema revision this program does not speak."""
