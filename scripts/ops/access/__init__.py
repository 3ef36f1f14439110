"""Who may read what: compares policies and roles of Vault and Consul with what is rendered, and writes them."""
