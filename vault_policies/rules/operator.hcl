# Held by people who run a stack: they log in by OIDC in the group of operators, or by the stack's IAM role for operators.
# They give secrets their values, move pins, and let a machine on the premises join. They write no policy and no role: a
# policy's text cannot be judged by Vault, so whoever writes one may have everything (`access` is for that).
path "secret/data/*" { capabilities = ["create", "read", "update", "patch", "delete"] }
path "secret/metadata/*" { capabilities = ["create", "read", "update", "patch", "list", "delete"] }
path "secret/subkeys/*" { capabilities = ["read"] }
path "secret/delete/*" { capabilities = ["update"] }
path "secret/undelete/*" { capabilities = ["update"] }
path "secret/destroy/*" { capabilities = ["update"] }
path "secret/config" { capabilities = ["read"] }
path "platform/data/node" { capabilities = ["read"] }
path "pki/issue/node" { capabilities = ["update"] }
path "nomad/creds/operator" { capabilities = ["read"] }
path "consul/creds/operator" { capabilities = ["read"] }
path "database/config/*" { capabilities = ["read"] }
path "database/roles/berth-*" { capabilities = ["read"] }
path "database/static-roles/berth-*" { capabilities = ["read"] }
path "aws/roles/berth-*" { capabilities = ["read"] }
path "transit/keys/+" { capabilities = ["read"] }
path "sys/policies/acl" { capabilities = ["list"] }
path "sys/policies/acl/*" { capabilities = ["read"] }
path "auth/jwt-nomad/role" { capabilities = ["list"] }
path "auth/jwt-nomad/role/*" { capabilities = ["read"] }
path "auth/jwt-nomad/config" { capabilities = ["read"] }
path "sys/leases/count" { capabilities = ["read"] }
path "sys/leases/lookup" { capabilities = ["update"] }
path "sys/leases/lookup/*" { capabilities = ["list", "sudo"] }
path "sys/audit" { capabilities = ["read", "sudo"] }
path "sys/auth" { capabilities = ["read"] }
path "sys/health" { capabilities = ["read", "sudo"] }
path "sys/plugins/catalog/*" { capabilities = ["read", "sudo"] }
path "sys/mounts" { capabilities = ["read"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
# What `berth vault plan` compares: who may log in, and as which holder.
path "auth/aws/config/+" { capabilities = ["read"] }
path "auth/aws/role" { capabilities = ["list"] }
path "auth/aws/role/+" { capabilities = ["read"] }
path "auth/oidc/config" { capabilities = ["read"] }
path "auth/oidc/role" { capabilities = ["list"] }
path "auth/oidc/role/+" { capabilities = ["read"] }
path "auth/jwt-gitlab/config" { capabilities = ["read"] }
path "auth/jwt-gitlab/role" { capabilities = ["list"] }
path "auth/jwt-gitlab/role/+" { capabilities = ["read"] }
