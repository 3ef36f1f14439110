"""What a stack is to be: its settings, read and checked before anything is made."""
