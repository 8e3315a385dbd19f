# One image for every program: docker build -t deal-signals . && docker run --rm deal-signals --help
# Tags are pinned; for builds that never change pin their digests, too (python:...@sha256:...).

FROM python:3.11.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# Everything in the lock is fetched and held against its hash; only what the product itself needs is installed below.
COPY requirements.lock ./
RUN pip download --require-hashes --no-deps --dest /wheels --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY topics/ topics/
COPY playbook/ playbook/
COPY signals/ signals/
COPY alerts/ alerts/
COPY engine/ engine/
COPY programs/ programs/
COPY boards/ boards/
RUN pip install --no-index --find-links /wheels hatchling \
 && pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheels . \
 && python -m venv /opt/signals \
 && /opt/signals/bin/pip install --no-index --find-links /wheels deal-signals

FROM python:3.11.13-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin signals
COPY --from=build /opt/signals /opt/signals
ENV PATH=/opt/signals/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /tmp
# docker-compose.yml asks each program on its own port.
HEALTHCHECK NONE
ENTRYPOINT ["signals"]
CMD ["--help"]
