# What llama-4-scout may read in Vault: its own secrets and nothing else. Rendered by Berth.
path "secret/data/default/llama-4-scout/hugging-face" {
  capabilities = ["read"]
}
path "secret/data/default/llama-4-scout/key-operator" {
  capabilities = ["read"]
}
path "secret/data/default/llama-4-scout/key-chat" {
  capabilities = ["read"]
}
