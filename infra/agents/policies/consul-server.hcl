# A server: it looks whether the cluster is healthy.
operator = "read"
node_prefix "" { policy = "read" }
