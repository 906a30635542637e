"""The former name of `feedbacks`."""

from __future__ import annotations

from fastback.plugin_host.open_webui.models.feedbacks import FeedbackForm as FeedbackForm
from fastback.plugin_host.open_webui.models.feedbacks import FeedbackModel as FeedbackModel
from fastback.plugin_host.open_webui.models.feedbacks import Feedbacks as Feedbacks
