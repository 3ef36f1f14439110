# What the templates of chat may read in Consul; rendered by Berth.
key "berth/local/versions/llama-4-scout/key-chat" { policy = "read" }
service "llama-4-scout" { policy = "read" }
node_prefix "" { policy = "read" }
