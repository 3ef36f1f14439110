# A pipeline that deploys: services' policies and roles, and of their secrets the names, fields and versions. The only
# values it reads are Nomad's and Consul's tokens, and the keys with which it asks each service for a sample.
# Policies are written only below `berth-`, which this one is not: a deployer must not widen itself.
path "sys/policies/acl" { capabilities = ["list"] }
path "sys/policies/acl/berth-*" { capabilities = ["create", "read", "update", "delete"] }
path "auth/jwt-nomad/role" { capabilities = ["list"] }
path "auth/jwt-nomad/role/berth-*" { capabilities = ["create", "read", "update", "delete"] }
path "auth/jwt-nomad/config" { capabilities = ["read"] }
path "secret/config" { capabilities = ["read"] }
path "secret/data/+/+/sample-key" { capabilities = ["read"] }
path "secret/metadata/*" { capabilities = ["read", "list"] }
path "secret/subkeys/*" { capabilities = ["read"] }
path "platform/data/operator" { capabilities = ["read"] }
path "sys/audit" { capabilities = ["read", "sudo"] }
path "sys/auth" { capabilities = ["read"] }
path "sys/health" { capabilities = ["read", "sudo"] }
path "sys/mounts" { capabilities = ["read"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
