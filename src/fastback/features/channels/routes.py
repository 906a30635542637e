"""`/api/v1/channels`: every operation on channels."""

from __future__ import annotations

from fastback.features.channels import channel_routes
from fastback.features.channels.members import routes as member_routes

routers = [channel_routes.router, member_routes.router]
