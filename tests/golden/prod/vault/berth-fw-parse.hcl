# What fw-parse may read in Vault: its own secrets and nothing else. Rendered by Berth.
path "secret/data/default/registry/login" {
  capabilities = ["read"]
}
