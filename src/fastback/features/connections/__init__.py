"""Administer connections to model servers, and forward requests to them."""
