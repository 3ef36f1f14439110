# As many teams make theirs: a Python app, started by a shell that fills in variables; root, since nobody said otherwise.
ARG BASE
FROM ${BASE}
WORKDIR /app
COPY sources/tests/support/public/shop/app.py .
ENV PORT=5000
EXPOSE 5000
CMD gunicorn --workers 1 --threads 4 --bind 0.0.0.0:$PORT app:app
