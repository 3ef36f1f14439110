"""What people do with secrets: give them values, pin versions, and see who has which and what expires."""
