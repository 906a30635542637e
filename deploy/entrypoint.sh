#!/bin/sh
# Run a command of the container as the user `fastback`. Open WebUI's container writes its volume as root, so whatever
# in it has another owner is given to `fastback` first; Open WebUI can still use the volume afterwards.
set -e
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$DATA_DIR"
    find "$DATA_DIR" ! -user fastback -exec chown -h fastback:fastback {} +
    export HOME=/app/backend
    exec setpriv --reuid=fastback --regid=fastback --init-groups "$@"
fi
exec "$@"
