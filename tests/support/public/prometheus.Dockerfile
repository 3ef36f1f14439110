# As Prometheus' publisher makes it: a user by name, a volume for its data, an entrypoint with a command.
ARG BASE
FROM ${BASE}
RUN ["/bin/sh", "-c", "mkdir -p /prometheus && printf 'global: {scrape_interval: 1m}\\n' > /etc/prometheus/prometheus.yml && chown -R nobody:nogroup /etc/prometheus /prometheus && chmod g+w /prometheus"]
WORKDIR /prometheus
USER nobody
EXPOSE 9090
VOLUME ["/prometheus"]
ENTRYPOINT ["/usr/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
