ui            = true
log_level     = "info"
disable_mlock = true
api_addr      = "https://10.0.1.10:8200"
cluster_addr  = "https://10.0.1.10:8201"
storage "raft" {
  path                   = "/opt/vault"
  node_id                = "ip-10-0-1-10"
  performance_multiplier = 1
  retry_join {
    auto_join             = "provider=aws tag_key=berth_role tag_value=prod-server"
    auto_join_scheme      = "https"
    leader_tls_servername = "vault.service.consul"
    leader_ca_cert_file   = "/etc/vault.d/tls/ca.pem"
  }
}
listener "tcp" {
  address         = "10.0.1.10:8200"
  cluster_address = "10.0.1.10:8201"
  tls_cert_file   = "/etc/vault.d/tls/cert.pem"
  tls_key_file    = "/etc/vault.d/tls/key.pem"
  tls_min_version = "tls13"
}
seal "awskms" {
  region     = "eu-west-1"
  kms_key_id = "alias/berth-unseal"
}
telemetry {
  prometheus_retention_time = "60s"
  disable_hostname          = true
}
