"""Every name of `open_webui` that public plugins are known to import, under its present and its former names."""

from __future__ import annotations

import pytest

from conftest import Person
from plugin_installation import install_function
from plugin_probe import run_in_plugin
from queued_model import QueuedModel

SYMBOLS = {
    "apps.webui.models.users": "Users UserModel",
    "apps.webui.models.files": "Files FileForm",
    "apps.webui.internal.db": "get_db",
    "apps.retrieval.main": "process_file ProcessFileForm",
    "config": """CACHE_DIR DATA_DIR UPLOAD_DIR STATIC_DIR WEBUI_URL TOOL_SERVER_CONNECTIONS get_config
        PERSISTENT_CONFIG_REGISTRY ENABLE_SIGNUP VECTOR_DB""",
    "constants": "TASKS ERROR_MESSAGES MESSAGES WEBHOOK_MESSAGES",
    "env": """SRC_LOG_LEVELS GLOBAL_LOG_LEVEL VERSION AIOHTTP_CLIENT_TIMEOUT AIOHTTP_CLIENT_SESSION_SSL DATA_DIR
        DATABASE_SCHEMA ENABLE_FORWARD_USER_INFO_HEADERS FORWARD_USER_INFO_HEADER_USER_ID
        CHAT_RESPONSE_MAX_TOOL_CALL_RETRIES BYPASS_MODEL_ACCESS_CONTROL""",
    "internal.db": """Base engine get_db get_db_context get_async_db get_async_db_context SessionLocal ScopedSession
        get_async_session get_session JSONField AsyncSessionLocal""",
    "main": """app webui_app generate_chat_completion generate_chat_completions chat_completion Request
        get_all_models""",
    "models.access_grants": "AccessGrants AccessGrantModel",
    "models.auths": "Auths",
    "models.automations": "Automations AutomationRuns AutomationForm AutomationData AutomationModel",
    "models.channels": "Channels ChannelModel",
    "models.chat_messages": "ChatMessages",
    "models.chats": "Chats ChatModel ChatForm ChatTitleIdResponse Chat ChatTable",
    "models.config": "Config",
    "models.evaluations": "Feedbacks",
    "models.feedbacks": "Feedbacks FeedbackModel FeedbackForm",
    "models.files": "Files FileForm FileModel FileModelResponse FileMetadataResponse File",
    "models.folders": "Folders FolderModel FolderForm Folder",
    "models.functions": "Functions FunctionModel FunctionValves Function",
    "models.groups": "Groups GroupModel Group",
    "models.knowledge": "Knowledges KnowledgeModel KnowledgeForm Knowledge",
    "models.memories": "Memories MemoryModel Memory",
    "models.messages": "Messages MessageForm MessageModel",
    "models.models": "Models ModelModel ModelForm ModelMeta ModelParams Model",
    "models.notes": "Notes NoteModel NoteForm NoteUpdateForm",
    "models.prompts": "Prompts PromptModel PromptForm",
    "models.skills": "Skills SkillModel SkillForm",
    "models.tags": "Tags TagModel",
    "models.tools": "Tools ToolModel ToolForm ToolMeta",
    "models.users": "Users UserModel UserSettings UserResponse UserUpdateForm UsersTable User",
    "retrieval.utils": """query_collection query_doc get_embedding_function merge_and_sort_query_results
        generate_embeddings get_content_from_url""",
    "retrieval.vector.async_client": "ASYNC_VECTOR_DB_CLIENT AsyncVectorDBClient",
    "retrieval.vector.connector": "VECTOR_DB_CLIENT",
    "retrieval.vector.factory": "VECTOR_DB_CLIENT",
    "retrieval.vector.main": "SearchResult GetResult VectorItem",
    "routers.audio": "transcribe speech",
    "routers.chats": "get_chat_by_id update_chat_by_id",
    "routers.files": "upload_file upload_file_handler get_file_content_by_id delete_file_by_id",
    "routers.images": """image_generations image_edits upload_image load_b64_image_data get_image_data
        CreateImageForm GenerateImageForm EditImageForm""",
    "routers.knowledge": "get_knowledge_bases KnowledgeFileIdForm add_file_to_knowledge_by_id",
    "routers.memories": """add_memory query_memory get_memories update_memory_by_id delete_memory_by_id AddMemoryForm
        QueryMemoryForm MemoryUpdateModel delete_memory_by_user_id""",
    "routers.models": "get_models ModelIdForm",
    "routers.openai": "generate_chat_completion",
    "routers.retrieval": """process_file ProcessFileForm process_web_search SearchForm process_web ProcessUrlForm
        query_doc_handler QueryDocForm query_collection_handler QueryCollectionsForm search_web process_text""",
    "routers.tasks": "generate_queries generate_title generate_chat_tags",
    "socket.main": """get_event_emitter get_event_call get_event_caller get_active_user_ids sio SESSION_POOL
        emit_to_users get_user_ids_from_room get_session_ids_from_room get_models_in_use""",
    "storage.provider": "Storage StorageProvider",
    "tools.builtin": "view_skill search_web",
    "utils.logger": "stdout_format",
    "utils.oauth": "get_system_oauth_token",
    "utils.payload": """apply_model_params_to_body_openai apply_system_prompt_to_body convert_payload_openai_to_ollama
        apply_model_system_prompt_to_body""",
    "utils.access_control": "has_connection_access has_access has_permission get_permissions get_users_with_access",
    "utils.auth": """get_verified_user get_admin_user get_current_user create_token decode_token
        get_http_authorization_cred create_api_key""",
    "utils.chat": "generate_chat_completion chat_completed",
    "utils.filter": "get_sorted_filter_ids process_filter_functions get_filter_functions",
    "utils.headers": "include_user_info_headers get_custom_headers bearer_auth_header",
    "utils.mcp.client": "MCPClient",
    "utils.middleware": """process_tool_result get_citation_source_from_tool_result chat_web_search_handler
        chat_completion_files_handler load_messages_from_db""",
    "utils.misc": """add_or_update_system_message add_or_update_user_message append_or_update_assistant_message
        calculate_sha256 calculate_sha256_string deep_update get_content_from_message get_gravatar_url
        get_last_assistant_message get_last_assistant_message_item get_last_user_message get_last_user_message_item
        get_message_list get_messages_content get_system_message merge_system_messages
        openai_chat_chunk_message_template openai_chat_completion_message_template openai_chat_message_template
        parse_duration pop_system_message prepend_to_first_user_message_content remove_system_message
        replace_system_message_content sanitize_filename throttle update_message_content validate_email_format
        convert_logit_bias_input_to_json stream_chunks_handler cleanup_response""",
    "utils.models": "get_all_models get_filtered_models check_model_access",
    "utils.plugin": """load_function_module_by_id load_tool_module_by_id get_function_module_from_cache
        extract_frontmatter replace_imports get_tool_module_from_cache""",
    "utils.task": """prompt_template rag_template replace_prompt_variable replace_messages_variable get_task_model_id
        title_generation_template""",
    "utils.tools": """get_tools get_builtin_tools get_terminal_tools get_updated_tool_function
        get_async_tool_function_and_apply_extra_params convert_function_to_pydantic_model get_tool_specs
        get_functions_from_tool get_tool_servers has_tool_server_access""",
    "utils.utils": "get_admin_user get_verified_user",
    "utils.webhook": "post_webhook",
}


def _write_imports() -> str:
    return "\n".join(f"from open_webui.{module} import {', '.join(names.split())}" for module, names in SYMBOLS.items())


async def test_every_known_symbol_is_offered_in_the_process(ada: Person, model: QueuedModel) -> None:
    code = (
        "\n".join(["import importlib", "missing = []", f"symbols = {SYMBOLS!r}"])
        + """
for module, names in symbols.items():
    try:
        loaded = importlib.import_module("open_webui." + module)
    except Exception as error:
        missing.append([module, str(error)])
        continue
    missing += [[module, name] for name in names.split() if not hasattr(loaded, name)]
return missing
"""
    )
    assert await run_in_plugin(ada, model, code) == []


async def test_a_function_that_imports_them_all_is_saved_and_switched_on(ada: Person) -> None:
    content = f"{_write_imports()}\n\n\nclass Filter:\n    pass\n"
    record = await install_function(ada, "greedy", content)
    assert record["type"] == "filter"
    assert (await ada.get("/api/v1/functions/id/greedy")).ok()["is_active"]


@pytest.mark.parametrize(
    "line", ["import open_webui", "import open_webui.utils.misc as misc", "from open_webui import env"]
)
async def test_packages_are_imported_in_every_way(ada: Person, model: QueuedModel, line: str) -> None:
    assert await run_in_plugin(ada, model, f"{line}\nreturn 1") == 1
