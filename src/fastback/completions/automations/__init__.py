"""Turns that begin by themselves: runs of automations, and timers of chats."""
