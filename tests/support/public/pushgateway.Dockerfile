# As the Pushgateway's publisher makes it: an entrypoint, and nothing else to run.
ARG BASE
FROM ${BASE}
EXPOSE 9091
RUN ["/bin/sh", "-c", "mkdir -p /pushgateway && chown nobody:nogroup /pushgateway"]
WORKDIR /pushgateway
USER 65534
ENTRYPOINT ["/usr/bin/prometheus-pushgateway"]
