"""Finding chats by what stands in them, over an index that is made of the chats and follows them."""
