"""How well pictures are found: data sets, tasks, measures, baselines and analyses.

    data set (datasets) ─► tasks ─► rankings (sources, baselines) ─► judged ─► measures, reports

A ranking is reduced to what the measures need as soon as it is there, so that memory does not
grow with the number of queries.
"""
