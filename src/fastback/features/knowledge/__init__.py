"""Knowledge: files in directories that chats look things up in; and knowledge that lies in databases of others."""
