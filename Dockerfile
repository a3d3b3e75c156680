# The service without torch: two stages, an ordinary user, nothing written outside /app/var and /tmp.
#   docker build -t tingfeng . && docker compose up
# `python scripts/replay_dockerfile.py` does these steps without a container engine.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/tingfeng
COPY requirements.lock ./
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY data ./data
COPY nlp ./nlp
COPY profiles ./profiles
COPY serving ./serving
COPY training ./training
RUN /opt/tingfeng/bin/python -m pip install --constraint requirements.lock ".[postgres]"

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 tingfeng \
    && useradd --uid 10001 --gid tingfeng --no-create-home --shell /usr/sbin/nologin tingfeng \
    && install -d --owner tingfeng --group tingfeng /app/var
COPY --from=build /opt/tingfeng /opt/tingfeng
ENV PATH=/opt/tingfeng/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TINGFENG_ENV=production \
    TINGFENG_HOME=/app/var
WORKDIR /app
VOLUME ["/app/var"]
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["tingfeng"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
