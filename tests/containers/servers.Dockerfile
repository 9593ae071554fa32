# Every server of the stack from Debian's packages, in the place of the images that compose.yaml names: under upstream's
# names of programs and users.
ARG BASE
FROM ${BASE}
ARG PACKAGES
RUN apt-get update --quiet \
    && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends \
        ${PACKAGES} bash busybox ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN for name in alertmanager node-exporter postgres-exporter blackbox-exporter; do \
        ln -s "prometheus-${name}" "/usr/bin/$(echo "${name}" | tr - _)"; \
    done \
    && ln -s /usr/bin/prometheus-redis-exporter /redis_exporter \
    && { test -e /bin/wget || ln -s /bin/busybox /bin/wget; }
RUN useradd --system --shell /usr/sbin/nologin nginx \
    && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/ \
    && mkdir --mode 1777 --parents /data /var/lib/postgresql/data /prometheus /alertmanager
