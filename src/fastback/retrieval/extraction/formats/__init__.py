"""One reader a kind of file. They run in worker processes only."""
