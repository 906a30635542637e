"""Tools of the server itself."""
