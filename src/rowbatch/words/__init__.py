"""
The words for what is told to people: one entry a kind, for every face and language. Rooms above say kinds and
values.

A face is where it is told: `terminal` (the command line and Python), whose hints name options, or `page` (the
web app), whose hints name what stands on its pages.
"""
