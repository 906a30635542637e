"""The Socket.IO server: sessions, rooms, presence, shared documents."""
