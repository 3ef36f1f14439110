"""Makes a stack run what the catalogue says: access, routes, jobs in order, then a question to NGINX."""
