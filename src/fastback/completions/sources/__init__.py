"""What a question refers to besides its words: files, knowledge, notes, chats, pages, texts; found, read, shown.

`items` says what is referred to, `reading` what of it the asker may read and how, `found` brings the passages,
`context` puts them before the question.
"""
