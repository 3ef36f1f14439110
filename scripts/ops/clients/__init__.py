"""Nomad, Consul and Vault, each behind one class: every endpoint that is used is a method of it."""
