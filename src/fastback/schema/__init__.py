"""The reference's database schema, for both databases, and the revision it carries."""
