"""The charter and the communes: content, read once at start."""
