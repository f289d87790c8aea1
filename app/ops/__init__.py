"""Operations: health, metrics, commands, backups."""
