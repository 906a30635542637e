"""The records that plugins read and write."""
