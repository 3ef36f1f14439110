# People who run a stack: they deploy, restart and drain, and look at everything.
namespace "*" {
  capabilities = ["list-jobs", "parse-job", "read-job", "submit-job", "scale-job", "dispatch-job", "read-logs", "read-fs", "alloc-lifecycle"]
}
node { policy = "write" }
agent { policy = "read" }
operator { policy = "read" }
