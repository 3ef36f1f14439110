name                 = "nomad-2"
region               = "global"
datacenter           = "dc1"
data_dir             = "/var/lib/berth/nomad-2"
bind_addr            = "127.0.0.3"
plugin_dir           = "/var/lib/berth/run/plugins"
log_level            = "INFO"
disable_update_check = true
enable_debug         = false
leave_on_terminate   = false
advertise {
  http = "127.0.0.3:4646"
  rpc  = "127.0.0.3:4647"
  serf = "127.0.0.3:4648"
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
  address = "127.0.0.3:8500"
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
client {
  enabled           = true
  alloc_mounts_dir  = "/var/lib/berth/nomad-2/alloc_mounts"
  node_pool         = "more"
  max_kill_timeout  = "600s"
  min_dynamic_port  = 20500
  max_dynamic_port  = 20999
  network_interface = "lo"
  server_join { retry_join = ["127.0.0.1:4647"] }
  options {
    "driver.allowlist"     = "raw_exec"
    "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean"
  }
  template {
    function_denylist    = ["plugin", "writeToFile"]
    disable_file_sandbox = false
    vault_retry {
      attempts    = 0
      backoff     = "250ms"
      max_backoff = "1m"
    }
    consul_retry {
      attempts    = 0
      backoff     = "250ms"
      max_backoff = "1m"
    }
    nomad_retry {
      attempts    = 0
      backoff     = "250ms"
      max_backoff = "1m"
    }
  }
}
plugin "raw_exec" {
  config { enabled = true }
}
plugin "example-fs-device" {
  config {
    dir            = "/var/lib/berth/gpus/nomad-2"
    list_period    = "5s"
    unhealthy_perm = "-rwxrwxrwx"
  }
}
