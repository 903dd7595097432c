# Every service of docker-compose.yml but PostgreSQL: `platform` runs the platform, `proxy` guards its public web UI.
# An index other than PyPI: --build-arg PIP_INDEX_URL=… (it stays in the first stage, which is not shipped).
# Another base image, also by its digest: --build-arg PYTHON_IMAGE=…@sha256:…
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS proxy
RUN apt-get update -q && apt-get install -y -q --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/*
COPY deploy/proxy /etc/proxy
USER www-data
CMD ["/etc/proxy/start.sh"]

# What the lock says, installed before the source is there, so that a change of the source installs nothing anew.
FROM ${PYTHON_IMAGE} AS packages
ARG PIP_INDEX_URL=
ARG PIP_VERSION=25.3
COPY pyproject.toml requirements.lock /app/
RUN cd /app && mkdir spotify_assets && touch LICENSE README.md spotify_assets/__init__.py \
    && python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check "pip==$PIP_VERSION" \
    && /opt/venv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check \
        --constraint requirements.lock --editable '.[aws]' \
    && /opt/venv/bin/pip uninstall --quiet --yes pip \
    && cd /opt/venv/lib/python*/site-packages && rm -rf pandas/tests numpy/tests pyarrow/tests

FROM ${PYTHON_IMAGE} AS platform
COPY --from=packages /opt/venv /opt/venv
COPY . /app
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 SPOTIFY_ASSETS_HOME=/data
WORKDIR /app
# The manifest is built ahead. Only the data belongs to the user that services run as; the folders of data are as open as
# /tmp, because some engines give a tmpfs the mode, but not the owner, of what it covers.
RUN spotify-assets prepare && chmod -R a+rX dbt_project/target && useradd --uid 10001 --home-dir /data --shell /usr/sbin/nologin platform \
    && mkdir -p /data/dagster/storage && chown -R platform /data && chmod 1777 /data /data/dagster
USER platform
CMD ["spotify-assets", "--help"]
