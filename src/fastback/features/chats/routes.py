"""`/api/v1/chats`: every operation on chats."""

from fastback.features.chats import chat_routes, clone_routes
from fastback.features.chats.lists import routes as list_routes
from fastback.features.chats.messages import routes as message_routes
from fastback.features.chats.search import routes as search_routes
from fastback.features.chats.sharing import routes as sharing_routes
from fastback.features.chats.stats import routes as stats_routes
from fastback.features.chats.tags import routes as tag_routes

routers = [
    list_routes.router,
    search_routes.router,
    stats_routes.router,
    tag_routes.router,
    sharing_routes.router,
    clone_routes.router,
    message_routes.router,
    chat_routes.router,
]
