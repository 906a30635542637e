"""URLs of profile pictures at Gravatar."""
