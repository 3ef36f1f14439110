# People who write services: they look, and read logs.
namespace "default" {
  capabilities = ["list-jobs", "read-job", "read-logs"]
}
node { policy = "read" }
