# Who deploys to the cloud, besides what vault-operator.hcl says: Nomad's and Consul's tokens, and what a machine on the
# premises needs to join.
path "platform/data/operator" { capabilities = ["read"] }
path "platform/data/node" { capabilities = ["read"] }
path "pki/issue/node" { capabilities = ["update"] }
