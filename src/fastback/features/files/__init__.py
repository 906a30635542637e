"""Files that users upload: storage, text, chunks, access."""
