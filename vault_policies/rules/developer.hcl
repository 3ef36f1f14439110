# Held by people who write services: they log in by OIDC in the group of developers, or by the stack's IAM role for them.
# They see which secrets there are, who reads them and which version is the newest, and may ask a service with its sample
# key; they read no other value.
path "secret/data/+/+/sample-key" { capabilities = ["read"] }
path "secret/metadata/*" { capabilities = ["read", "list"] }
path "secret/subkeys/*" { capabilities = ["read"] }
path "nomad/creds/developer" { capabilities = ["read"] }
path "consul/creds/developer" { capabilities = ["read"] }
path "sys/policies/acl" { capabilities = ["list"] }
path "sys/policies/acl/berth-*" { capabilities = ["read"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
