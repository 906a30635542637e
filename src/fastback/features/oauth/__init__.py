"""Sign-in by OAuth 2 and OpenID Connect: Google, Microsoft, GitHub, Feishu, and any OpenID provider."""
