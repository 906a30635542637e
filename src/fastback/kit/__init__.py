"""What knows nothing of chats: database access, HTTP, events, tasks, logs."""
