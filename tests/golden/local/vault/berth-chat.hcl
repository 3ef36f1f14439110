# What chat may read in Vault: its own secrets and nothing else. Rendered by Berth.
path "secret/data/default/llama-4-scout/key-chat" {
  capabilities = ["read"]
}
# Nomad renews the token for the task; Vault's default policy, which would allow this and more, is left off.
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
