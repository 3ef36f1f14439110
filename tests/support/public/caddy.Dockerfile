# As Caddy's publisher makes it, and many who build on it: port 80 without root, by a capability of the program's file.
ARG BASE
FROM ${BASE}
RUN ["/bin/sh", "-c", "mkdir -p /config/caddy /data/caddy /srv && chown -R 65532:65532 /config /data && printf ':80\\nrespond \"caddy\"\\n' > /etc/caddy/Caddyfile && setcap cap_net_bind_service=+ep /usr/bin/caddy"]
ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
WORKDIR /srv
EXPOSE 80 443 2019
USER 65532
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
