# People who give services access. In Consul, whoever writes policies may have everything.
acl = "write"
