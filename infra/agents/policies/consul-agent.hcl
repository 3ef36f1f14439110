# A Consul agent: its own node in the catalogue, and the services that are registered with it.
node_prefix "" { policy = "write" }
service_prefix "" { policy = "read" }
agent_prefix "" { policy = "write" }
