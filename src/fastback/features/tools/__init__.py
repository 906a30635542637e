"""Tools: Python code that users write for models to call, stored with revisions and valves; and tool servers."""
