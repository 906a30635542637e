"""Documents and the web over HTTP: settings, processing, queries."""
