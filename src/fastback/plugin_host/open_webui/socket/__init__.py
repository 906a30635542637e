"""Events for pages."""
