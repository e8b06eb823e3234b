"""What kinds and readers answer, kept: `python -m tests.answers` makes the files anew."""
