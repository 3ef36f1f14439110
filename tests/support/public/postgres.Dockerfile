# As PostgreSQL's publisher makes it: an entrypoint that makes the database, as its user; SIGINT stops it.
ARG BASE
FROM ${BASE}
RUN ["/bin/sh", "-c", "groupmod --non-unique --gid 999 postgres && usermod --non-unique --uid 999 postgres && rm -rf /var/lib/postgresql/15 /etc/postgresql && install --directory --owner postgres --group postgres --mode 1777 /var/lib/postgresql/data && install --directory --owner postgres --group postgres --mode 3777 /var/run/postgresql && mkdir /docker-entrypoint-initdb.d"]
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
COPY --chmod=755 sources/tests/support/public/postgres/entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["postgres", "-c", "listen_addresses=*"]
