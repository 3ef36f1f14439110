# People who look whether all is as it should be.
namespace "*" {
  capabilities = ["list-jobs", "read-job"]
}
node { policy = "read" }
agent { policy = "read" }
operator { policy = "read" }
