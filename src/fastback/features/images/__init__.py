"""Image generation and editing: the engines of the settings, and the files of their results."""
