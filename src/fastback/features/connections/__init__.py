"""The administrator's connections to model servers, and passing requests on to them."""
