"""The front door: NGINX configuration rendered from the catalogue."""
