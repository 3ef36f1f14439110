"""Who may read which secret: Vault policies rendered from the catalogue."""
