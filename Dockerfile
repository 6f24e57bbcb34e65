# syntax=docker/dockerfile:1
#
# The image of real mode: `docker build --tag acogida .`, settings from the environment, one volume
# at /data, everything else read-only (docs/operation.md).

# For a build that can be repeated to the byte, pass the digest of a base image that you trust:
#   --build-arg BASE=python:3.13-slim@sha256:...
ARG BASE=python:3.13-slim

# --- Dependencies, in a virtual environment that the second stage takes over --------------------
FROM ${BASE} AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /venv
COPY requirements.txt /tmp/requirements.txt
# Wheels only: nothing of a dependency runs while it is installed.
RUN /venv/bin/python -m pip install --require-hashes --only-binary=:all: -r /tmp/requirements.txt \
    && /venv/bin/python -m pip uninstall --yes pip

# --- The app -------------------------------------------------------------------------------------
FROM ${BASE}
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Acogida" \
      org.opencontainers.image.licenses="AGPL-3.0-or-later" \
      org.opencontainers.image.revision="${REVISION}"

RUN groupadd --system --gid 10001 acogida \
    && useradd --system --uid 10001 --gid acogida --home-dir /data --shell /usr/sbin/nologin acogida \
    && install --directory --owner acogida --group acogida --mode 0700 /data

ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    APP_MODE=real \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATA_DIR=/data \
    NICEGUI_STORAGE_PATH=/data/nicegui \
    LOG_FORMAT=json

COPY --from=dependencies /venv /venv
WORKDIR /app
COPY pyproject.toml LICENSE main.py ./
COPY api/ api/
COPY db/ db/
COPY services/ services/
COPY ui/ ui/
COPY webhook/ webhook/
# Compiled once here, because the running app cannot write beside its sources.
RUN python -m compileall -q /app

USER acogida
VOLUME /data
EXPOSE 8000
# /health touches nothing: a database that is away must not get the app restarted.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=4)"]
CMD ["python", "main.py"]
