ui            = true
log_level     = "info"
disable_mlock = true
api_addr      = "http://127.0.0.1:8200"
cluster_addr  = "https://127.0.0.1:8201"
plugin_directory = "/var/lib/berth/vault-plugins"
storage "raft" {
  path                   = "/var/lib/berth/vault"
  node_id                = "laptop"
  performance_multiplier = 1
}
listener "tcp" {
  address         = "127.0.0.1:8200"
  cluster_address = "127.0.0.1:8201"
  tls_disable     = true
}
telemetry {
  prometheus_retention_time = "60s"
  disable_hostname          = true
}
