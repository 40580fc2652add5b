"""Which commit brought a leak, or fixed one: `git bisect` with a measurement at each step."""
