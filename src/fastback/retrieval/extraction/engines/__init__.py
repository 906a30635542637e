"""External engines that extract text, one in each module; `registry` lists them."""
