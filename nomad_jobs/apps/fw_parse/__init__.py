"""Firewall log lines to JSON, on three ports: http, https and admin."""
