"""Plugins in chat turns: the turns that the plugin process knows, the hooks of filters, and what plugins call."""
