"""Processes for work that must not stand in the server's way: started when asked, ended when idle."""
