"""One upstream each, behind one seam (`base`) and one polite HTTP client (`http`).

Belongs here: asking an upstream and reading what it answered. Does not belong here: where responses are
kept (`lake`) or whether their values are acceptable (`contracts`).
"""
