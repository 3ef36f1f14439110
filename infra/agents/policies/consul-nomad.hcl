# A Nomad agent. `acl`: a server logs in for its jobs, and deletes their tokens again.
agent_prefix "" { policy = "read" }
node_prefix "" { policy = "write" }
service_prefix "" { policy = "write" }
acl = "write"
