"""Makes a stack run what the catalogue says: access, jobs in order, routes, and a check through NGINX."""
