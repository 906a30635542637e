"""The Socket.IO server: sessions, rooms, presence, and what goes out on the wire."""
