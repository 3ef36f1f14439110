# A pipeline that rotates secrets: it moves pins.
key_prefix "berth/" { policy = "write" }
session_prefix "" { policy = "write" }
service_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }
