"""Models of the workspace."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.open_webui.models.models import ModelForm as ModelForm
from fastback.plugin_host.open_webui.models.models import ModelListResponse, ModelModel
from fastback.plugin_host.record_models import Record
from fastback.plugin_host.router_operations import define_operation


class ModelIdForm(Record):
    id: str


get_models: Any = define_operation(
    "GET",
    "/api/v1/models/list",
    "query view_option tag order_by direction page user db",
    result=ModelListResponse,
)
get_base_models: Any = define_operation("GET", "/api/v1/models/base", "user db")
get_model_tags: Any = define_operation("GET", "/api/v1/models/tags", "user db")
get_model_by_id: Any = define_operation("GET", "/api/v1/models/model", "id user db", result=ModelModel)
create_new_model: Any = define_operation(
    "POST", "/api/v1/models/create", "request form_data user db", result=ModelModel
)
update_model_by_id: Any = define_operation(
    "POST", "/api/v1/models/model/update", "request form_data user db", result=ModelModel
)
toggle_model_by_id: Any = define_operation("POST", "/api/v1/models/model/toggle", "id user db", result=ModelModel)
delete_model_by_id: Any = define_operation("POST", "/api/v1/models/model/delete", "form_data user db")
