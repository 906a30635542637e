"""Operations of the HTTP interface."""
