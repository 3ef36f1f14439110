# People who write services.
key_prefix "berth/" { policy = "read" }
service_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }
