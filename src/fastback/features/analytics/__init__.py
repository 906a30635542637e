"""Analytics: messages, users, models and tokens over time."""
