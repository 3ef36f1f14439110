"""What runs on a machine of the cloud: from a bare image to an agent that serves.

Packed into one file that the machine fetches by its SHA-256. Standard library only, and Python 3.9: what Amazon Linux
2023 has of its own accord.
"""
