# A server: reads the platform's own secrets, introduces nodes, and lets Nomad's jobs log in.
path "platform/data/server" { capabilities = ["read"] }
path "platform/data/introduction/*" { capabilities = ["create", "read", "update"] }
path "sys/auth" { capabilities = ["read"] }
path "sys/auth/jwt-nomad" { capabilities = ["create", "update", "sudo"] }
path "auth/jwt-nomad/config" { capabilities = ["create", "read", "update"] }
path "sys/storage/raft/autopilot/state" { capabilities = ["read"] }
path "sys/storage/raft/snapshot" { capabilities = ["read"] }
path "nomad/creds/server" { capabilities = ["read"] }
path "consul/creds/server" { capabilities = ["read"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
