"""`/api/v1/chats`."""

from fastback.features.chats import (
    routes_chat,
    routes_copies,
    routes_lists,
    routes_messages,
    routes_search,
    routes_sharing,
    routes_stats,
    routes_tags,
)

routers = [
    one.router
    for one in (
        routes_lists,
        routes_search,
        routes_stats,
        routes_tags,
        routes_sharing,
        routes_copies,
        routes_messages,
        routes_chat,
    )
]
