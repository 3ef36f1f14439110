node_name            = "laptop"
datacenter           = "dc1"
data_dir             = "/var/lib/berth/consul"
bind_addr            = "127.0.0.1"
client_addr          = "127.0.0.1"
server               = true
bootstrap_expect     = 1
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
  https    = -1
  dns      = -1
  grpc     = -1
  grpc_tls = -1
}
acl {
  enabled                  = true
  default_policy           = "deny"
  down_policy              = "extend-cache"
  enable_token_persistence = true
}
