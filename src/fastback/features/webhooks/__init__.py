"""Event webhooks: which operation emits which event, and the delivery of events to the configured addresses."""
