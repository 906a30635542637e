"""Notifications to a user's own webhooks: finished chats, channel messages, calendar alerts."""
