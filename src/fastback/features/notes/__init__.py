"""Notes: what the page reads of them."""
