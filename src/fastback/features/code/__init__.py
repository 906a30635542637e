"""Code that administrators write, put in order."""
