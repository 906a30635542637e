"""Text out of files: in processes of our own, or by an engine that administrators chose."""
