"""The web: searching it, fetching pages of it, text out of what is fetched."""
