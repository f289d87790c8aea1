"""What a signature is and becomes: its rules, its rows, how long they are kept."""
