# What bot-detector may read in Vault: its own secrets and nothing else. Rendered by Berth.
path "secret/data/default/bot-detector/api-key" {
  capabilities = ["read"]
}
path "secret/data/default/registry/login" {
  capabilities = ["read"]
}
