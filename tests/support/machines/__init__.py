"""Machines of the cloud on one Linux machine: namespaces for instances, moto for AWS, the real agents inside.

What runs in them is what runs in the cloud, byte for byte: the user data, the machines' own program, its units. Only
systemd, cloud-init and the `aws` command are stand-ins, and the programs are fetched as scripts that start the real
ones.
"""
