"""Notes: texts that people write, share, pin, and talk with models about."""
