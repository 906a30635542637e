"""Built-in tools: what this server itself offers to models that call functions natively, on pages.

A group (`BuiltinGroup`, a module each) has the tools of one category, which models and settings switch on and off. The
names and parameters are those of Open WebUI, as models, prompts and approvals refer to them.
"""
