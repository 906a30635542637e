"""Tools: what the page reads of them."""
