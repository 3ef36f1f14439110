# What a pipeline's job runs in: git, make, Python, and all that `berth` and `make check` import. A job brings the checkout.
ARG BASE

FROM ${BASE} AS wheels
COPY wheels /wheels
RUN ["python3", "/wheels/pip.whl/pip", "install", "--no-index", "--no-cache-dir", "--no-compile", "--no-deps", \
     "--break-system-packages", "--root-user-action=ignore", "--disable-pip-version-check", \
     "--require-hashes", "--find-links=/wheels", "--requirement=/wheels/requirements.txt"]

FROM ${BASE}
COPY --from=wheels /usr/local /usr/local
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
CMD ["/bin/bash"]
