# A node: a client's certificate, the agents' secrets, the introduction under its own name, and the registry's login.
path "pki/issue/node" { capabilities = ["update"] }
path "platform/data/node" { capabilities = ["read"] }
path "platform/data/introduction/{{identity.entity.aliases.@login@.name}}" { capabilities = ["read"] }
path "secret/data/default/registry/login" { capabilities = ["read"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
