module berth.invalid/toolchain/consul-template

go 1.25

tool github.com/hashicorp/consul-template

require github.com/hashicorp/consul-template v0.41.1

