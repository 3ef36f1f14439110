# What the templates of llama-4-scout may read in Consul; rendered by Berth.
key "berth/local/versions/llama-4-scout/key-operator" { policy = "read" }
key "berth/local/versions/llama-4-scout/key-chat" { policy = "read" }
key "berth/local/versions/llama-4-scout/sample-key" { policy = "read" }
node_prefix "" { policy = "read" }
