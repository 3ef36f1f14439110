# A Nomad client: as a server's, without `acl`; its jobs log in through the servers.
agent_prefix "" { policy = "read" }
node_prefix "" { policy = "write" }
service_prefix "" { policy = "write" }
