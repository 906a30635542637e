"""How the server is used: messages, users, models and tokens over time."""
