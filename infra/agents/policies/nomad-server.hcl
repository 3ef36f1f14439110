# A server: it introduces nodes, and looks whether the cluster is healthy.
node { policy = "write" }
operator { policy = "read" }
