# Held by people who look whether all is as it should be: they log in by OIDC in the group of auditors, or by the stack's
# IAM role for them. They see every policy, role, login and audit device, and of secrets what there is and how old it is;
# they read no value and change nothing.
path "secret/metadata/*" { capabilities = ["read", "list"] }
path "secret/subkeys/*" { capabilities = ["read"] }
path "secret/config" { capabilities = ["read"] }
path "nomad/creds/auditor" { capabilities = ["read"] }
path "consul/creds/auditor" { capabilities = ["read"] }
path "database/config/*" { capabilities = ["read"] }
path "database/roles/berth-*" { capabilities = ["read"] }
path "database/static-roles/berth-*" { capabilities = ["read"] }
path "aws/roles/berth-*" { capabilities = ["read"] }
path "transit/keys/+" { capabilities = ["read"] }
path "sys/policies/acl" { capabilities = ["list"] }
path "sys/policies/acl/*" { capabilities = ["read"] }
path "sys/audit" { capabilities = ["read", "sudo"] }
path "sys/auth" { capabilities = ["read"] }
path "sys/mounts" { capabilities = ["read"] }
path "sys/health" { capabilities = ["read", "sudo"] }
path "sys/host-info" { capabilities = ["read"] }
path "sys/leases/count" { capabilities = ["read"] }
path "sys/leases/lookup" { capabilities = ["update"] }
path "sys/leases/lookup/*" { capabilities = ["list", "sudo"] }
path "auth/+/role" { capabilities = ["list"] }
path "auth/+/role/*" { capabilities = ["read"] }
path "auth/+/config" { capabilities = ["read"] }
path "auth/aws/config/+" { capabilities = ["read"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
