"""Knowledge: files in directories that chats search, and knowledge in external databases."""
