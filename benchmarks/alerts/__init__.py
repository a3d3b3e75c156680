"""Crisis alerts measured: simulated streams with known crises, the rules of vendors beside ours."""
