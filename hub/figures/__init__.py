"""What customers are worth and what they cost, from what happened with their records."""
