# People who look whether all is as it should be.
key_prefix "" { policy = "read" }
service_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }
agent_prefix "" { policy = "read" }
operator = "read"
acl = "read"
