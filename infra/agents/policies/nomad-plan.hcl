# A pipeline on any branch. Nomad's own plan takes the right to submit a job, which this has not.
namespace "default" {
  capabilities = ["list-jobs", "parse-job", "read-job"]
}
node { policy = "read" }
agent { policy = "read" }
