"""Subnets, the port table, the firewall made from it, AWS's endpoints and the load balancer."""
