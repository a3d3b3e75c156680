"""Customer lifetime value: how many more purchases a person will make, and of what worth.

``summary`` makes (x, t_x, T) per person of purchases; ``beta_geometric`` (BG/NBD and MBG/NBD) and
``pareto_nbd`` fit and forecast purchases, ``gamma_gamma`` their worth; ``fitting`` maximises;
``calendar_effect`` bends time by season; ``bootstrap`` gives intervals; ``holdout`` judges
forecasts; ``report`` puts it together. Arrays all through, nothing per person in Python.
"""
