# What chat may read in Vault: its own secrets and nothing else. Rendered by Berth.
path "secret/data/default/llama-4-scout/key-chat" {
  capabilities = ["read"]
}
path "secret/data/default/registry/login" {
  capabilities = ["read"]
}
