# What llama-4-scout may read in Vault: its own secrets and nothing else. Rendered by Berth.
path "secret/data/default/llama-4-scout/key-operator" {
  capabilities = ["read"]
}
path "secret/data/default/llama-4-scout/key-chat" {
  capabilities = ["read"]
}
path "secret/data/default/llama-4-scout/sample-key" {
  capabilities = ["read"]
}
path "secret/data/default/llama-4-scout/hugging-face" {
  capabilities = ["read"]
}
# Nomad renews the task's token. Vault's default policy would allow this and more, so the token does not have it.
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
