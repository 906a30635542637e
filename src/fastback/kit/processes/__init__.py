"""Child processes, started without copying this process."""
