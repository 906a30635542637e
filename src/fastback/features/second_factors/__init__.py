"""Second factors: codes of an authenticator app after the first step of a sign-in."""
