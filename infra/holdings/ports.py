"""Ports of the three APIs, for the port table, the agents and those who call them."""

CONSUL_HTTPS = 8501
NOMAD_HTTP = 4646
VAULT_API = 8200
