"""Built-in tools around files and knowledge: list, search, query, and read them.

Without knowledge of its own a model searches whatever its user may read; with some (of the model, of the chat's folder)
it searches only that. The user's permissions count in each call.
"""
