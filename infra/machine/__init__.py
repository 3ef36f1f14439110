"""The program that runs on a cloud machine and makes a server or a node of a bare image.

It is packed into one file, which the machine fetches by its SHA-256. It needs only what Amazon Linux 2023 has: Python
3.9 and the standard library.
"""
