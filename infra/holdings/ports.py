"""Ports of the three APIs on every machine: the port table opens them, agents listen there, setup asks there."""

CONSUL_HTTPS = 8501
NOMAD_HTTP = 4646
VAULT_API = 8200
