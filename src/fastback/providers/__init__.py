"""Model servers: connections, their protocols, the registry of models."""
