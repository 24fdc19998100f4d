"""Tells people what needs them: states that begin and end, watches, and the ping of a dead-man's switch.

`following` runs a sync and, after it: `observed` (what is wrong now) → `states` (what began, what ended) → `messages` →
`notifier`. Only `notifier` and `ping` speak to others; all that decides is pure.
"""
