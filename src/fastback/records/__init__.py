"""What all workspace records share: listing, ownership, revisions, diffs."""
