# People who run a stack: they move pins and routes, and see what is healthy.
key_prefix "berth/" { policy = "write" }
session_prefix "" { policy = "write" }
service_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }
agent_prefix "" { policy = "read" }
operator = "read"
acl = "read"
