# A pipeline that deploys: it writes routes and pins, and compares policies without writing any.
key_prefix "berth/" { policy = "write" }
session_prefix "" { policy = "write" }
service_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }
acl = "read"
