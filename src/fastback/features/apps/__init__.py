"""External apps as records: what they are, what they may, who may use them. Connecting to them is not built."""
