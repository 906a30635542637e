"""Processes for work that would block the server: started when a job needs one, ended when idle."""
