# Held by a pipeline on a protected branch, for one environment, and by an operator while he deploys. It learns of secrets
# their names, fields and versions, and reads the keys with which it asks each service for a sample; no other value. It
# compares policies and roles with what they should be, and writes none: deploying must not be a way to have more. Its
# tokens for Nomad and Consul are made for each run, and end with it.
path "secret/data/+/+/sample-key" { capabilities = ["read"] }
path "secret/metadata/*" { capabilities = ["read", "list"] }
path "secret/subkeys/*" { capabilities = ["read"] }
path "secret/config" { capabilities = ["read"] }
path "nomad/creds/deploy" { capabilities = ["read"] }
path "consul/creds/deploy" { capabilities = ["read"] }
path "database/config/*" { capabilities = ["read"] }
path "database/roles/berth-*" { capabilities = ["read"] }
path "database/static-roles/berth-*" { capabilities = ["read"] }
path "aws/roles/berth-*" { capabilities = ["read"] }
path "transit/keys/+" { capabilities = ["read"] }
path "sys/policies/acl" { capabilities = ["list"] }
path "sys/policies/acl/berth-*" { capabilities = ["read"] }
path "auth/jwt-nomad/role" { capabilities = ["list"] }
path "auth/jwt-nomad/role/berth-*" { capabilities = ["read"] }
path "auth/jwt-nomad/config" { capabilities = ["read"] }
path "sys/audit" { capabilities = ["read", "sudo"] }
path "sys/auth" { capabilities = ["read"] }
path "sys/health" { capabilities = ["read", "sudo"] }
path "sys/mounts" { capabilities = ["read"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
