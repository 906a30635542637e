"""The sinks of a chat turn, one module each: where a model's answer goes, and how a failure is shown."""
