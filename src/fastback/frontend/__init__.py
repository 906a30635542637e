"""The built frontend: fetched out of the reference's package, kept in a cache, served as files."""
