# As Redis' publisher makes it: an entrypoint that gives the data to its user, and then becomes that user.
ARG BASE
FROM ${BASE}
RUN ["/bin/sh", "-c", "groupmod --non-unique --gid 999 redis && usermod --non-unique --uid 999 redis && mkdir /data && chown redis:redis /data"]
VOLUME /data
WORKDIR /data
COPY --chmod=755 sources/tests/support/public/redis/entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENTRYPOINT ["docker-entrypoint.sh"]
EXPOSE 6379
CMD ["redis-server", "--protected-mode", "no"]
