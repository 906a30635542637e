"""What tools and functions share: Python that people wrote, read and asked about without running it in the server."""
