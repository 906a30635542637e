"""Tools of other servers: those with OpenAPI, terminals, and servers that the page calls itself."""
