"""Single simulations as CSV or Parquet."""
