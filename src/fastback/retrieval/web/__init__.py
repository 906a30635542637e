"""Search the web, fetch its pages, and extract their text."""
