"""SCIM 2.0 (RFC 7643, RFC 7644) at `/api/v1/scim/v2`: identity providers manage users and groups."""
