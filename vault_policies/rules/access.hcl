# Held by the few people who give services access (`berth vault apply`): they log in by OIDC in the group of that name, or
# by the stack's IAM role for it. Whoever writes a policy can have whatever it says, so this is as much as all services
# have together, and nobody holds it while he deploys. It reads no value itself, and cannot write its own policy or that of
# any other holder: those are `platform-`, and take three recovery keys.
path "sys/policies/acl" { capabilities = ["list"] }
path "sys/policies/acl/*" { capabilities = ["read"] }
path "sys/policies/acl/berth-*" { capabilities = ["create", "read", "update", "delete"] }
path "auth/jwt-nomad/role" { capabilities = ["list"] }
path "auth/jwt-nomad/role/berth-*" { capabilities = ["create", "read", "update", "delete"] }
path "auth/jwt-nomad/config" { capabilities = ["read"] }
path "database/config/*" { capabilities = ["create", "read", "update", "delete"] }
path "database/rotate-root/*" { capabilities = ["update"] }
path "database/roles/berth-*" { capabilities = ["create", "read", "update", "delete"] }
path "database/static-roles/berth-*" { capabilities = ["create", "read", "update", "delete"] }
path "aws/roles/berth-*" { capabilities = ["create", "read", "update", "delete"] }
path "aws/config/root" { capabilities = ["read"] }
path "transit/keys/+" { capabilities = ["create", "read", "update"] }
path "consul/creds/access" { capabilities = ["read"] }
path "sys/auth" { capabilities = ["read"] }
path "sys/mounts" { capabilities = ["read"] }
path "sys/audit" { capabilities = ["read", "sudo"] }
path "secret/config" { capabilities = ["read"] }
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
