# What ingress may read in Vault: its own secrets and nothing else. Rendered by Berth.
path "secret/data/default/ingress/tls" {
  capabilities = ["read"]
}
