"""What tests run the product with."""
