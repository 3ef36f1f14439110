"""Subnets, the port table, the firewall drawn from it, and the ways in and out."""
