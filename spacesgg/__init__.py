"""What the pipeline's scripts share; one module per thing."""
