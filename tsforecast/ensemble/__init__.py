"""How several forecasts become one: weights, and the errors of the past that may move them. NumPy alone."""
