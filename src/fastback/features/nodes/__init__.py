"""The processes of an installation: which run, and which have died."""
