"""Long transactions made of short ones: what cannot be atomic is compensated."""
