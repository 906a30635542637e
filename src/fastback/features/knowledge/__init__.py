"""Knowledge: what the page reads of them."""
