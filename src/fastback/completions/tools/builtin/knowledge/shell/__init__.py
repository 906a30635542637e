"""`kb_exec`: knowledge as a file system, which models read with the commands of a shell that they know."""
