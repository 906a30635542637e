"""Functions: filters, pipes, actions and event listeners in Python, stored with revisions and valves.

Only administrators may change them.
"""
