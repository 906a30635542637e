"""Private chats in channels: encrypted between the pages of their members; the server passes packets on unread.

Pages agree on keys by MLS. The server knows who takes part and in which session; it neither stores nor logs a packet.
"""
