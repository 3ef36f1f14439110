# Held by a scheduled pipeline that rotates secrets: it writes new versions and destroys old ones, and moves pins with its
# token for Consul. It deploys nothing by itself, and writes no policy and no role.
path "secret/data/*" { capabilities = ["create", "read", "update", "patch"] }
path "secret/metadata/*" { capabilities = ["create", "read", "update", "patch", "list"] }
path "secret/subkeys/*" { capabilities = ["read"] }
path "secret/destroy/*" { capabilities = ["update"] }
path "secret/config" { capabilities = ["read"] }
path "database/rotate-root/*" { capabilities = ["update"] }
path "database/rotate-role/berth-*" { capabilities = ["update"] }
path "transit/keys/+/rotate" { capabilities = ["update"] }
path "nomad/creds/rotate" { capabilities = ["read"] }
path "consul/creds/rotate" { capabilities = ["read"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
