"""Notes: texts that users write, share, pin, and discuss with models."""
