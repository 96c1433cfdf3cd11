# IFDD Live in a container; docs/deploy.md tells how to use it.
#
#   docker build -t ifdd-live .                            for CPUs
#   docker build -t ifdd-live:cuda --build-arg VARIANT=cuda .   for NVIDIA GPUs (host with the container toolkit)
#
# Debian 12 because its Python (3.11) is one that mediapipe's last offline wheel is made for.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
# versions are Debian's to choose: a pin would keep security fixes out, and be gone from the mirrors soon
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
RUN python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Dependencies alone, so that a change of the source does not install them again.
COPY pyproject.toml constraints.txt ./
ARG VARIANT=cpu
ARG TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
# torch from its CPU index, where it is a tenth as large; PyPI's own brings CUDA
RUN case "$VARIANT" in \
      cpu) pip install --no-deps --index-url "$TORCH_CPU_INDEX" -c constraints.txt torch ;; \
      cuda) ;; \
      *) echo "VARIANT: expected cpu or cuda, got $VARIANT" >&2; exit 1 ;; \
    esac
# more of pyproject's extras, comma separated: --build-arg EXTRAS=mqtt,ray
ARG EXTRAS=mqtt
# jax and scipy, half a gigabyte, are for mediapipe's converters of language models alone
RUN touch README.md \
 && pip install -c constraints.txt -e ".[$EXTRAS]" \
 && pip uninstall -y jax jaxlib ml_dtypes opt_einsum scipy pip

FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 libgl1 libglib2.0-0 libegl1 libgles2 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 ifdd \
 && useradd --uid 10001 --gid 10001 --groups video --no-create-home --home-dir /tmp --shell /usr/sbin/nologin ifdd \
 && install -d -o 10001 -g 10001 -m 0750 /run/ifdd-live /var/lib/ifdd-live
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY pyproject.toml run_stream.py LICENSE README.md ./
COPY realtime realtime
COPY models models
COPY assets assets
RUN /opt/venv/bin/python -m compileall -q realtime models assets/deploy
# What libraries want to write goes to /tmp: the root may be read-only (with a tmpfs at /tmp and /run/ifdd-live).
# The graphics card's names mean something to NVIDIA's container toolkit and nothing elsewhere.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MPLCONFIGDIR=/tmp/matplotlib \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
# HTTP. WebRTC's media goes over any UDP port of the machine: give the container the host's network.
EXPOSE 8080/tcp
VOLUME ["/var/lib/ifdd-live"]
HEALTHCHECK --interval=15s --timeout=15s --start-period=60s --retries=3 \
  CMD ["python", "/app/assets/deploy/service.py", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "/app/assets/deploy/service.py", "run", "--sessions", "/var/lib/ifdd-live"]
CMD ["--source", "demo"]
