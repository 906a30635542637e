"""The server's side of the plugin process: start it, call it, and let it call back.

What runs inside the process is `fastback.plugin_host`. This room knows neither functions nor tools: features and
completions register the methods that plugins may call with `HostMethods`.
"""
