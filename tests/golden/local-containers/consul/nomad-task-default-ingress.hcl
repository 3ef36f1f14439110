# What the templates of ingress may read in Consul; rendered by Berth.
key_prefix "berth/local/routes/" { policy = "read" }
service_prefix "" { policy = "read" }
key "berth/local/versions/ingress/tls" { policy = "read" }
node_prefix "" { policy = "read" }
