"""Sets up the laptop's Consul, Nomad and Vault: access rules, identities, first secrets, the catalogue."""
