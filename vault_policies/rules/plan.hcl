# Held by a pipeline on any branch: it says what a deployment would change. It reads no value of any secret, and its tokens
# for Nomad and Consul can only look.
path "secret/metadata/*" { capabilities = ["read", "list"] }
path "secret/subkeys/*" { capabilities = ["read"] }
path "secret/config" { capabilities = ["read"] }
path "nomad/creds/plan" { capabilities = ["read"] }
path "consul/creds/plan" { capabilities = ["read"] }
path "database/config/*" { capabilities = ["read"] }
path "database/roles/berth-*" { capabilities = ["read"] }
path "database/static-roles/berth-*" { capabilities = ["read"] }
path "aws/roles/berth-*" { capabilities = ["read"] }
path "transit/keys/+" { capabilities = ["read"] }
path "sys/policies/acl" { capabilities = ["list"] }
path "sys/policies/acl/berth-*" { capabilities = ["read"] }
path "auth/jwt-nomad/role" { capabilities = ["list"] }
path "auth/jwt-nomad/role/berth-*" { capabilities = ["read"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
