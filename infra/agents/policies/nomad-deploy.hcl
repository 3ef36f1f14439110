# A pipeline that deploys. Whoever may submit a job can read what that job reads, and this is all.
namespace "default" {
  capabilities = ["list-jobs", "parse-job", "read-job", "submit-job", "scale-job", "read-logs", "read-fs", "alloc-lifecycle"]
}
node { policy = "read" }
agent { policy = "read" }
