"""Functions: what the page reads of them."""
