# One of our own apps: Python, the wheels that it imports, and its folder of nomad_jobs/apps/.
# `berth images build` names the base by its digest, and lays the wheels and the sources into the context.
ARG BASE

FROM ${BASE} AS wheels
COPY wheels /wheels
RUN ["python3", "/wheels/pip.whl/pip", "install", "--no-index", "--no-cache-dir", "--no-compile", "--no-deps", \
     "--break-system-packages", "--root-user-action=ignore", "--disable-pip-version-check", \
     "--require-hashes", "--find-links=/wheels", "--requirement=/wheels/requirements.txt"]
RUN ["rm", "-rf", "/usr/local/bin"]

FROM ${BASE}
ARG APP
COPY --from=wheels /usr/local/lib /usr/local/lib
COPY sources /srv
ENV PYTHONPATH=/srv PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 APP=${APP}
WORKDIR /srv
USER 10001:10001
EXPOSE 8000
CMD ["sh", "-c", "exec python3 -m nomad_jobs.apps.${APP} --host 0.0.0.0 --port 8000"]
