# What the templates of chat may read in Consul; rendered by Berth.
service "llama-4-scout" { policy = "read" }
node_prefix "" { policy = "read" }
