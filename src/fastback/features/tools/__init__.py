"""Tools: Python that people wrote for models to call, kept with versions and valves; and tool servers."""
