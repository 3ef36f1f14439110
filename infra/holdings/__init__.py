"""What Consul, Nomad and Vault hold before anything is deployed, for the laptop and for cloud machines.

Machines run it packed, so it uses only Python 3.9 and the standard library.
"""
