name                 = "ip-10-0-1-10"
region               = "eu-west-1"
datacenter           = "eu-west-1"
data_dir             = "/opt/nomad"
bind_addr            = "{{ GetPrivateIP }}"
log_level            = "INFO"
disable_update_check = true
enable_debug         = false
leave_on_terminate   = false
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
server {
  enabled                     = true
  bootstrap_expect            = 3
  oidc_issuer                 = "https://nomad.example.com"
  root_key_rotation_threshold = "720h"
  server_join { retry_join = ["provider=aws tag_key=berth_role tag_value=prod-server"] }
  client_introduction {
    enforcement          = "strict"
    default_identity_ttl = "5m"
    max_identity_ttl     = "30m"
  }
}
keyring "awskms" {
  active     = true
  region     = "eu-west-1"
  kms_key_id = "alias/berth-unseal"
}
