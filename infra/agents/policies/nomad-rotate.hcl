# A pipeline that rotates secrets: it reads which version each instance has, and rolls services.
namespace "default" {
  capabilities = ["list-jobs", "parse-job", "read-job", "submit-job", "read-fs", "alloc-lifecycle"]
}
node { policy = "read" }
