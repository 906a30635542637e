"""Every operation on channels, and on what apps have written into them."""

from __future__ import annotations

from fastback.features.channels import channel_routes
from fastback.features.channels.apps import interaction_routes
from fastback.features.channels.apps import routes as app_routes
from fastback.features.channels.members import routes as member_routes
from fastback.features.channels.messages import routes as message_routes
from fastback.features.channels.webhooks import posting_routes
from fastback.features.channels.webhooks import routes as webhook_routes

routers = [
    channel_routes.router,
    member_routes.router,
    message_routes.router,
    webhook_routes.router,
    posting_routes.router,
    app_routes.router,
    interaction_routes.router,
]
