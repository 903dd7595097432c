"""What is asked of loaded days: the rules and the queries behind the checks of the snapshot tables.

Belongs here: one module per question, each one set-based query over all days of a run, with findings as
plain values. Does not belong here: how a finding is shown (`defs.checks`), and rules for single rows
(`contracts`).
"""
