# People: services' policies, roles and secrets, a look at what `berth up` set up, and what a machine on the premises
# needs to join. Policies are written only below `berth-`, which this one is not: nobody widens himself.
path "sys/policies/acl" { capabilities = ["list"] }
path "sys/policies/acl/berth-*" { capabilities = ["create", "read", "update", "delete"] }
path "sys/policies/acl/platform-operator" { capabilities = ["read"] }
path "auth/jwt-nomad/role" { capabilities = ["list"] }
path "auth/jwt-nomad/role/berth-*" { capabilities = ["create", "read", "update", "delete"] }
path "auth/jwt-nomad/config" { capabilities = ["read"] }
path "secret/config" { capabilities = ["read"] }
path "secret/data/*" { capabilities = ["create", "read", "update", "delete"] }
path "secret/metadata/*" { capabilities = ["create", "read", "update", "list", "delete"] }
path "secret/subkeys/*" { capabilities = ["read"] }
path "secret/delete/*" { capabilities = ["update"] }
path "secret/undelete/*" { capabilities = ["update"] }
path "secret/destroy/*" { capabilities = ["update"] }
path "platform/data/node" { capabilities = ["read"] }
path "pki/issue/node" { capabilities = ["update"] }
path "sys/audit" { capabilities = ["read", "sudo"] }
path "sys/auth" { capabilities = ["read"] }
path "sys/health" { capabilities = ["read", "sudo"] }
path "sys/plugins/catalog/*" { capabilities = ["read", "sudo"] }
path "sys/mounts" { capabilities = ["read"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
