"""Floor 7: the tunnel and the school in a browser, on this machine only.

`server` opens the port, `guard` decides who may speak to it, `app` has the routes, `jobs` runs work in child processes (`child`
is what such a process does), `stream` sends what they say to a page. One module per part of the API: `tunnel` (systems, runs),
`school` (paths, lessons, decisions, progress), `workbench` (labs), `figures` (calculators). `static/` is what the browser gets.
"""
