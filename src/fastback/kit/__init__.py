"""Building blocks that do not depend on the domain: database access, HTTP, events, tasks, logs."""
