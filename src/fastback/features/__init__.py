"""One folder a noun. A feature reads another through its `store` or `service`, never its `routes`."""
