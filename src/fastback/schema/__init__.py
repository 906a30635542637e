"""The reference's database schema for both databases, and its revision."""
