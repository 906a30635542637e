# docker build -t fastback . — the data is in /app/backend/data, where Open WebUI's image has it.
# The base and all packages exist for amd64 and arm64: docker buildx build --platform linux/amd64,linux/arm64 -t … --push .
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    ENV=prod DATA_DIR=/app/backend/data FASTBACK_CACHE_DIR=/app/cache

WORKDIR /app/backend

# ffmpeg converts recordings for speech engines.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*

# The packages change less often than the source, so they have a layer of their own.
COPY requirements-plugins.lock /app/
RUN pip install -q --require-hashes -r /app/requirements-plugins.lock

COPY pyproject.toml README.md LICENSE NOTICE /app/source/
COPY src /app/source/src
RUN pip install -q --no-deps /app/source \
    && python -X no_debug_ranges -m compileall -q -f -o 0 -o 2 "$(python -c 'import fastback; print(fastback.__path__[0])')" \
    && env --unset=PYTHONDONTWRITEBYTECODE python -OO -X no_debug_ranges -c \
        "import fastback.server, fastback.app, authlib.oidc.core, joserfc.jwt, ldap3, pyotp, qrcode, scim2_models"

# The frontend and the embedding model; each user of this file downloads them under their own licences.
RUN fastback frontend && fastback models fetch

COPY deploy/entrypoint.sh /app/
RUN groupadd --system --gid 10001 fastback \
    && useradd --system --uid 10001 --gid fastback --home-dir /app/backend --shell /usr/sbin/nologin fastback \
    && mkdir -p /app/backend/data && chown -R fastback:fastback /app/backend

VOLUME /app/backend/data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8080') + '/health', timeout=4)"]

# The entrypoint gives the data to the user fastback, and continues as this user.
ENTRYPOINT ["/app/entrypoint.sh"]
# Docstrings take 3 MB of the server's memory.
CMD ["python", "-OO", "-m", "fastback", "serve"]
