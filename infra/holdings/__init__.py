"""What Consul, Nomad and Vault hold before anything is deployed: one home, read by the laptop and by the machines.

Machines run it packed: Python 3.9, the standard library, nothing else.
"""
