"""What the analyses share: scales and databases, published values, tables of results."""
