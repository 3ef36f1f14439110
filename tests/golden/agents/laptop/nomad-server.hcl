name                 = "nomad-server"
region               = "global"
datacenter           = "dc1"
data_dir             = "/var/lib/berth/nomad-server"
bind_addr            = "127.0.0.1"
log_level            = "INFO"
disable_update_check = true
enable_debug         = false
leave_on_terminate   = false
advertise {
  http = "127.0.0.1:4646"
  rpc  = "127.0.0.1:4647"
  serf = "127.0.0.1:4648"
}
ports {
  http = 4646
  rpc  = 4647
  serf = 4648
}
acl {
  enabled                  = true
  token_max_expiration_ttl = "24h"
}
limits {
  http_max_conns_per_client = 100
  rpc_max_conns_per_client  = 100
}
telemetry {
  prometheus_metrics         = true
  publish_allocation_metrics = true
  publish_node_metrics       = true
  disable_hostname           = true
}
consul {
  address = "127.0.0.1:8500"
  service_identity {
    aud = ["consul.io"]
    ttl = "1h"
  }
  task_identity {
    aud = ["consul.io"]
    ttl = "1h"
  }
}
vault {
  enabled               = true
  address               = "http://127.0.0.1:8200"
  jwt_auth_backend_path = "jwt-nomad"
  default_identity {
    aud  = ["vault.io"]
    ttl  = "1h"
    env  = false
    file = false
    extra_claims {
      unique_id = "${job.region}:${job.namespace}:${job.id}"
    }
  }
}
server {
  enabled                     = true
  bootstrap_expect            = 1
  oidc_issuer                 = "http://nomad.localhost"
  root_key_rotation_threshold = "720h"
}
