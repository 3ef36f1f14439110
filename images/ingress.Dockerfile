# The front door: Debian's NGINX with its Lua module. Nomad brings start.sh, apply.sh and all configuration.
ARG BASE

FROM ${BASE} AS folders
RUN ["mkdir", "-p", "/var/lib/nginx/body", "/var/lib/nginx/proxy", "/var/lib/nginx/fastcgi", "/var/lib/nginx/uwsgi", "/var/lib/nginx/scgi"]

# NGINX makes these folders when it starts, which a read-only root file system would refuse.
FROM ${BASE}
COPY --from=folders /var/lib/nginx /var/lib/nginx
USER 10001:10001
EXPOSE 8080 8443 8081
STOPSIGNAL SIGQUIT
CMD ["/bin/bash", "/local/start.sh"]
