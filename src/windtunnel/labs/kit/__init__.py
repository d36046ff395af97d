"""What labs are made of: small services, a client for HTTP, a journal that survives crashes, programs that start anew.

Graders use all of it inside a simulated world. Learners import what the README of their lab names. Reading order: `lines`
(questions and answers over TCP), `web` (the same in HTTP), `asgi` (applications), `journal` (records on a disk), `boot` (a
program's next life).
"""
