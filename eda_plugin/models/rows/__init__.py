"""Rows of process variation: models that invent rows, baselines that do so without a model, and the regressor that learns from them."""
