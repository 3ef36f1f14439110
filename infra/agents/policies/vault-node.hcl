# A node: a client's certificate, the agents' secrets, and the introduction that lies under its own name.
path "pki/issue/node" { capabilities = ["update"] }
path "platform/data/node" { capabilities = ["read"] }
path "platform/data/introduction/{{identity.entity.aliases.@login@.name}}" { capabilities = ["read"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
