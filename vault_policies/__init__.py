"""Which service may read which secret: Vault policies, rendered from the catalogue."""
