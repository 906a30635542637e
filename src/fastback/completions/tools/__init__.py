"""Tools in chat turns: which are offered to the model, and the rounds in which their calls are executed.

`offered_tool.py` is what every kind of tool is; a provider (`ToolProvider`) lists those of its kind for a turn. The
stage `offered_tools` collects them, `loop.py` executes what the model calls.
"""
