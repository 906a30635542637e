"""Extract text from files, in worker processes or by an engine that administrators choose."""
