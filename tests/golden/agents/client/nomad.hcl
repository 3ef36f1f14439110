name                 = "ip-10-0-1-10"
region               = "eu-west-1"
datacenter           = "eu-west-1"
data_dir             = "/opt/nomad"
bind_addr            = "{{ GetPrivateIP }}"
log_level            = "INFO"
disable_update_check = true
enable_debug         = false
leave_on_terminate   = true
advertise {
  http = "{{ GetPrivateIP }}:4646"
  rpc  = "{{ GetPrivateIP }}:4647"
  serf = "{{ GetPrivateIP }}:4648"
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
tls {
  http                   = true
  rpc                    = true
  ca_file                = "/etc/nomad.d/tls/ca.pem"
  cert_file              = "/etc/nomad.d/tls/cert.pem"
  key_file               = "/etc/nomad.d/tls/key.pem"
  verify_server_hostname = true
  verify_https_client    = false
  tls_min_version        = "tls12"
}
consul {
  address = "127.0.0.1:8501"
  ssl     = true
  ca_file = "/etc/nomad.d/tls/ca.pem"
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
  address               = "https://vault.service.consul:8200"
  jwt_auth_backend_path = "jwt-nomad"
  ca_file               = "/etc/nomad.d/tls/ca.pem"
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
  alloc_mounts_dir  = "/opt/nomad/alloc_mounts"
  node_pool         = "gpu"
  max_kill_timeout  = "600s"
  min_dynamic_port  = 20000
  max_dynamic_port  = 32000
  server_join { retry_join = ["provider=aws tag_key=berth_role tag_value=prod-server"] }
  options {
    "driver.allowlist"     = "docker"
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
  drain_on_shutdown {
    deadline           = "600s"
    ignore_system_jobs = true
  }
}
plugin "raw_exec" {
  config { enabled = false }
}
plugin "docker" {
  config {
    allow_privileged = false
    auth { config = "/etc/berth/docker/config.json" }
    volumes { enabled = false }
    allow_runtimes   = ["runc", "nvidia"]
    pids_limit       = 4096
  }
}
