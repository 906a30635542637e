"""Files that people upload: their bytes in the storage, their text, who may read them."""
