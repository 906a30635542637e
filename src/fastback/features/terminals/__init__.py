"""Terminal servers: their list, and the forwarding of requests and WebSockets to them."""
