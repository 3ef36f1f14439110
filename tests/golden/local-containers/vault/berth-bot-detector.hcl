# What bot-detector may read in Vault: its own secrets and nothing else. Rendered by Berth.
path "secret/data/default/bot-detector/api-key" {
  capabilities = ["read"]
}
path "secret/data/default/bot-detector/sample-key" {
  capabilities = ["read"]
}
# Nomad renews the task's token. Vault's default policy would allow this and more, so the token does not have it.
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
