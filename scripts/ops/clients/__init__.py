"""Clients of Nomad, Consul and Vault: one class each, with a method for every endpoint that Berth uses."""
