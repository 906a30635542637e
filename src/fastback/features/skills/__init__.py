"""Skills: what the page reads of them."""
