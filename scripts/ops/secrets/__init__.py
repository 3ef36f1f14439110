"""What people do with secrets: give them values, pin versions, and see which each instance has and what expires."""
