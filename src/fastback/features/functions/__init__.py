"""Functions: filters, pipes, actions and listeners in Python, kept with versions and valves by administrators."""
