# Vault itself, which makes everybody's tokens.
acl = "write"
