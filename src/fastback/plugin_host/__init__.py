"""The plugin host: what runs inside the process beside the server in which plugins are loaded, and nowhere else.

The server starts it (`fastback.plugins.host`) and calls it over a channel; plugins call the server back through
`ServerLink`. Nothing here is imported by the server, and nothing here imports the server's rooms but `kit`.
"""
