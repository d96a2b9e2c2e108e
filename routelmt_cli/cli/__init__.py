"""What a person types: one file a command, no logic; errors become one line and an exit code."""
