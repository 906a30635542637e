"""Sources of a question: the files, knowledge, notes, chats, web pages and texts that it refers to.

`items` parses the references, `item_lookup` loads what the user may read of them, `readings` decides how each is read,
`resolver` reads and searches, `passages` puts the result before the question.
"""
