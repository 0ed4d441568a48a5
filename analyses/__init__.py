"""The study, reproduced and taken further: one question a folder, `python -m analyses.<name>.run`."""
