"""What plugins call in the server: rows, operations of the HTTP interface, the configuration, files, vectors.

Each module adds its methods to `HostMethods`. Plugins are trusted, as in Open WebUI: rows are read and written without
a check of permissions; operations run as the user that the plugin names.
"""
