# What the templates of bot-detector may read in Consul; rendered by Berth.
key "berth/local/versions/bot-detector/api-key" { policy = "read" }
key "berth/local/versions/bot-detector/sample-key" { policy = "read" }
node_prefix "" { policy = "read" }
