"""OpenAPI documents of tool servers: their operations as tools that models can call."""
