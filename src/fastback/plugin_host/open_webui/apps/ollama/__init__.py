"""Former names of modules; see `fastback.plugin_host.import_hook`."""
