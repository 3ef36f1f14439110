# As nginx's publisher makes it: root's master on port 80, workers that are another user, logs to Docker.
ARG BASE
FROM ${BASE}
RUN ["/bin/sh", "-c", "rm -rf /etc/nginx/sites-enabled /etc/nginx/modules-enabled /var/lib/nginx && mkdir -p /var/cache/nginx /var/log/nginx /docker-entrypoint.d && ln -sf /dev/stdout /var/log/nginx/access.log && ln -sf /dev/stderr /var/log/nginx/error.log"]
COPY sources/tests/support/public/nginx/nginx.conf /etc/nginx/nginx.conf
COPY sources/tests/support/public/nginx/default.conf /etc/nginx/conf.d/default.conf
COPY --chmod=755 sources/tests/support/public/nginx/entrypoint.sh /docker-entrypoint.sh
COPY --chmod=755 sources/tests/support/public/nginx/10-ipv6.sh /docker-entrypoint.d/10-ipv6.sh
ARG VERSION
ENV NGINX_VERSION=${VERSION}
ENTRYPOINT ["/docker-entrypoint.sh"]
EXPOSE 80
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
