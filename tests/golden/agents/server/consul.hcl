node_name            = "ip-10-0-1-10"
datacenter           = "eu-west-1"
data_dir             = "/opt/consul"
bind_addr            = "{{ GetPrivateIP }}"
client_addr          = "127.0.0.1"
server               = true
bootstrap_expect     = 3
retry_join           = ["provider=aws tag_key=berth_role tag_value=prod-server"]
log_level            = "info"
disable_update_check = true
disable_remote_exec  = true
enable_script_checks = false
check_update_interval = "0s"
ui_config { enabled = true }
http_config { allow_write_http_from = ["127.0.0.0/8"] }
performance { raft_multiplier = 1 }
limits { http_max_conns_per_client = 4096 }
telemetry {
  prometheus_retention_time = "60s"
  disable_hostname          = true
}
ports {
  server   = 8300
  serf_lan = 8301
  serf_wan = -1
  http     = 8500
  https    = 8501
  dns      = 8600
  grpc     = -1
  grpc_tls = -1
}
acl {
  enabled                  = true
  default_policy           = "deny"
  down_policy              = "extend-cache"
  enable_token_persistence = true
}
encrypt_verify_incoming = true
encrypt_verify_outgoing = true
tls {
  defaults {
    ca_file         = "/etc/consul.d/tls/ca.pem"
    cert_file       = "/etc/consul.d/tls/cert.pem"
    key_file        = "/etc/consul.d/tls/key.pem"
    verify_incoming = true
    verify_outgoing = true
    tls_min_version = "TLSv1_2"
  }
  # On loopback only, and Nomad, beside it, has no certificate to show there: tokens decide.
  https { verify_incoming = false }
  internal_rpc { verify_server_hostname = true }
}
