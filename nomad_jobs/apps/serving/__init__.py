"""What every app here shares: listening, stopping, errors, keys and watched files."""
