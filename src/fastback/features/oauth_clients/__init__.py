"""OAuth clients: this server's registrations at the authorization servers of tool servers, and users' tokens there."""
