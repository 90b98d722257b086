"""Mean, diffusion, calibration, predictors: arrays in, arrays out."""
