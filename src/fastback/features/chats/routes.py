"""`/api/v1/chats`."""

from fastback.features.chats import routes_chat, routes_lists, routes_sharing

routers = [routes_lists.router, routes_sharing.router, routes_chat.router]
