BEGIN TRANSACTION;
CREATE TABLE access_grant (
	id TEXT NOT NULL, 
	resource_type TEXT NOT NULL, 
	resource_id TEXT NOT NULL, 
	principal_type TEXT NOT NULL, 
	principal_id TEXT NOT NULL, 
	permission TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_access_grant_grant UNIQUE (resource_type, resource_id, principal_type, principal_id, permission)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0bd252b206fb');
CREATE TABLE api_key (
	id TEXT NOT NULL, 
	user_id TEXT, 
	"key" TEXT NOT NULL, 
	data JSON, 
	expires_at BIGINT, 
	last_used_at BIGINT, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (id), 
	FOREIGN KEY(user_id) REFERENCES user (id) ON DELETE CASCADE, 
	UNIQUE ("key")
);
INSERT INTO "api_key" VALUES('key_0d3084f8-4007-4eed-8109-e7fffdec0f94','0d3084f8-4007-4eed-8109-e7fffdec0f94','sk-ac20e445acb74e68ab3c96995ead51bc',NULL,NULL,NULL,1795438328,1795438328);
CREATE TABLE app (
	id TEXT NOT NULL, 
	slug TEXT NOT NULL, 
	name TEXT NOT NULL, 
	user_id TEXT, 
	is_active BOOLEAN DEFAULT 0 NOT NULL, 
	data JSON NOT NULL, 
	api_key TEXT, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (slug)
);
CREATE TABLE auth (
	id VARCHAR NOT NULL, 
	email VARCHAR, 
	password TEXT, 
	active BOOLEAN, mfa JSON, session_stamp TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "auth" VALUES('0d3084f8-4007-4eed-8109-e7fffdec0f94','ada@example.com','$2b$12$kLfa523P/DeKje08mfzNiupAvcGyvVQRzxtkgil0lejB6L.n8KtOO',1,NULL,'cd8f15f1-ac6d-4b66-8095-a192ef4993f9');
CREATE TABLE automation (
	id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	data JSON NOT NULL, 
	meta JSON, 
	is_active BOOLEAN NOT NULL, 
	last_run_at BIGINT, 
	next_run_at BIGINT, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, folder_id TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE automation_run (
	id TEXT NOT NULL, 
	automation_id TEXT NOT NULL, 
	chat_id TEXT, 
	status TEXT NOT NULL, 
	error TEXT, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE calendar (
	id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	color TEXT, 
	is_default BOOLEAN NOT NULL, 
	data JSON, 
	meta JSON, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE calendar_event (
	id TEXT NOT NULL, 
	calendar_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	title TEXT NOT NULL, 
	description TEXT, 
	start_at BIGINT NOT NULL, 
	end_at BIGINT, 
	all_day BOOLEAN NOT NULL, 
	rrule TEXT, 
	color TEXT, 
	location TEXT, 
	data JSON, 
	meta JSON, 
	is_cancelled BOOLEAN NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE calendar_event_attendee (
	id TEXT NOT NULL, 
	event_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	status TEXT NOT NULL, 
	meta JSON, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_event_attendee UNIQUE (event_id, user_id)
);
CREATE TABLE "channel" (
	id TEXT NOT NULL, 
	user_id TEXT, 
	name TEXT, 
	description TEXT, 
	data JSON, 
	meta JSON, 
	created_at BIGINT, 
	updated_at BIGINT, 
	type TEXT, 
	is_private BOOLEAN, 
	archived_at BIGINT, 
	archived_by TEXT, 
	deleted_at BIGINT, 
	deleted_by TEXT, 
	updated_by TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (id)
);
CREATE TABLE "channel_file" (
	id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	channel_id TEXT NOT NULL, 
	file_id TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	message_id TEXT, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_channel_file_channel_file UNIQUE (channel_id, file_id), 
	CONSTRAINT fk_channel_file_message_id FOREIGN KEY(message_id) REFERENCES message (id) ON DELETE CASCADE, 
	FOREIGN KEY(channel_id) REFERENCES channel (id) ON DELETE CASCADE, 
	FOREIGN KEY(file_id) REFERENCES file (id) ON DELETE CASCADE
);
CREATE TABLE "channel_member" (
	id TEXT NOT NULL, 
	channel_id TEXT NOT NULL, 
	user_id TEXT, 
	created_at BIGINT, 
	status TEXT, 
	is_active BOOLEAN DEFAULT 1 NOT NULL, 
	is_channel_muted BOOLEAN DEFAULT 0 NOT NULL, 
	is_channel_pinned BOOLEAN DEFAULT 0 NOT NULL, 
	data JSON, 
	meta JSON, 
	joined_at BIGINT NOT NULL, 
	left_at BIGINT, 
	last_read_at BIGINT, 
	updated_at BIGINT, 
	role TEXT, 
	invited_by TEXT, 
	invited_at BIGINT, 
	app_id TEXT, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_channel_member_identity CHECK ((user_id IS NULL) <> (app_id IS NULL)), 
	CONSTRAINT uq_channel_member_app UNIQUE (channel_id, app_id), 
	UNIQUE (id)
);
CREATE TABLE channel_webhook (
	id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	channel_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	profile_image_url TEXT, 
	token TEXT NOT NULL, 
	last_used_at BIGINT, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (id), 
	FOREIGN KEY(channel_id) REFERENCES channel (id) ON DELETE CASCADE
);
CREATE TABLE chat (
	id VARCHAR NOT NULL, 
	user_id VARCHAR, 
	title TEXT, 
	created_at BIGINT, 
	updated_at BIGINT, 
	share_id TEXT, 
	archived BOOLEAN, chat JSON, pinned BOOLEAN, meta JSON DEFAULT '{}' NOT NULL, folder_id TEXT, tasks JSON, summary TEXT, last_read_at BIGINT, current_message_id TEXT, variables JSON, timer_at BIGINT, 
	PRIMARY KEY (id), 
	UNIQUE (share_id)
);
INSERT INTO "chat" VALUES('73739689-8abd-4ff8-b823-207d99b1b65b','0d3084f8-4007-4eed-8109-e7fffdec0f94','ref chat 1',1795438328,1795438328,'472f6c1e-a112-4e27-87f0-7569752503b7',0,'{"title":"ref chat 1","models":["demo-small"],"history":{"currentId":"a1","messages":{"q1":{"id":"q1","parentId":null,"childrenIds":["a1"],"role":"user","content":"hi ☕","user_id":"0d3084f8-4007-4eed-8109-e7fffdec0f94","user":{"id":"0d3084f8-4007-4eed-8109-e7fffdec0f94","name":"Ada"}},"a1":{"id":"a1","parentId":"q1","childrenIds":[],"role":"assistant","content":"hello","done":true,"model":"demo-small","user_id":"0d3084f8-4007-4eed-8109-e7fffdec0f94"}}}}',0,'{"tags":["tag_1"]}','d2142ae6-c5f8-4027-97b9-d1539c88373b','null',NULL,1795438328,'a1','{}',NULL);
INSERT INTO "chat" VALUES('7dae5251-6f8e-437d-a21c-11c06762d53c','0d3084f8-4007-4eed-8109-e7fffdec0f94','Pinned chat',1795438328,1795438328,NULL,0,'{"title":"Pinned chat","models":["demo-small"],"history":{"currentId":"a1","messages":{"q1":{"id":"q1","parentId":null,"childrenIds":["a1"],"role":"user","content":"hi ☕","user_id":"0d3084f8-4007-4eed-8109-e7fffdec0f94","user":{"id":"0d3084f8-4007-4eed-8109-e7fffdec0f94","name":"Ada"}},"a1":{"id":"a1","parentId":"q1","childrenIds":[],"role":"assistant","content":"hello","done":true,"model":"demo-small","user_id":"0d3084f8-4007-4eed-8109-e7fffdec0f94"}}}}',1,'{}',NULL,'null',NULL,1795438328,'a1','{}',NULL);
CREATE TABLE chat_file (
	id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	chat_id TEXT NOT NULL, 
	file_id TEXT NOT NULL, 
	message_id TEXT, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_chat_file_chat_file UNIQUE (chat_id, file_id), 
	FOREIGN KEY(chat_id) REFERENCES chat (id) ON DELETE CASCADE, 
	FOREIGN KEY(file_id) REFERENCES file (id) ON DELETE CASCADE
);
CREATE TABLE chat_message (
	id TEXT NOT NULL, 
	chat_id TEXT NOT NULL, 
	user_id TEXT, 
	role TEXT NOT NULL, 
	parent_id TEXT, 
	content JSON, 
	output JSON, 
	model_id TEXT, 
	files JSON, 
	sources JSON, 
	embeds JSON, 
	done BOOLEAN, 
	status_history JSON, 
	error JSON, 
	usage JSON, 
	created_at BIGINT, 
	updated_at BIGINT, context_summary TEXT, meta JSON, 
	PRIMARY KEY (id), 
	FOREIGN KEY(chat_id) REFERENCES chat (id) ON DELETE CASCADE
);
INSERT INTO "chat_message" VALUES('73739689-8abd-4ff8-b823-207d99b1b65b-q1','73739689-8abd-4ff8-b823-207d99b1b65b','0d3084f8-4007-4eed-8109-e7fffdec0f94','user',NULL,'"hi ☕"','null',NULL,'null','null','null',1,'null','null','null',1795438328,1795438328,NULL,'null');
INSERT INTO "chat_message" VALUES('73739689-8abd-4ff8-b823-207d99b1b65b-a1','73739689-8abd-4ff8-b823-207d99b1b65b','0d3084f8-4007-4eed-8109-e7fffdec0f94','assistant','q1','"hello"','null','demo-small','null','null','null',1,'null','null','null',1795438328,1795438328,NULL,'null');
INSERT INTO "chat_message" VALUES('7dae5251-6f8e-437d-a21c-11c06762d53c-q1','7dae5251-6f8e-437d-a21c-11c06762d53c','0d3084f8-4007-4eed-8109-e7fffdec0f94','user',NULL,'"hi ☕"','null',NULL,'null','null','null',1,'null','null','null',1795438328,1795438328,NULL,'null');
INSERT INTO "chat_message" VALUES('7dae5251-6f8e-437d-a21c-11c06762d53c-a1','7dae5251-6f8e-437d-a21c-11c06762d53c','0d3084f8-4007-4eed-8109-e7fffdec0f94','assistant','q1','"hello"','null','demo-small','null','null','null',1,'null','null','null',1795438328,1795438328,NULL,'null');
CREATE TABLE chatidtag (
	id VARCHAR NOT NULL, 
	tag_name VARCHAR, 
	chat_id VARCHAR, 
	user_id VARCHAR, 
	timestamp BIGINT, 
	PRIMARY KEY (id)
);
CREATE TABLE config (
	"key" TEXT NOT NULL, 
	value JSON NOT NULL, 
	updated_at BIGINT, 
	PRIMARY KEY ("key")
);
INSERT INTO "config" VALUES('skills.lazy_loading.enable','false',1795438328);
INSERT INTO "config" VALUES('skills.content_max_chars','null',1795438328);
INSERT INTO "config" VALUES('skills.preview_max_chars','null',1795438328);
INSERT INTO "config" VALUES('direct.enable','false',1795438328);
INSERT INTO "config" VALUES('direct.integrations.enable','false',1795438328);
INSERT INTO "config" VALUES('ollama.enable','false',1795438328);
INSERT INTO "config" VALUES('ollama.base_urls','["http://localhost:11434"]',1795438328);
INSERT INTO "config" VALUES('ollama.api_configs','{}',1795438328);
INSERT INTO "config" VALUES('openai.enable','true',1795438328);
INSERT INTO "config" VALUES('openai.api_keys','["k"]',1795438328);
INSERT INTO "config" VALUES('openai.api_base_urls','["http://127.0.0.1:55879/v1"]',1795438328);
INSERT INTO "config" VALUES('openai.api_configs','{}',1795438328);
INSERT INTO "config" VALUES('models.base_models_cache','false',1795438328);
INSERT INTO "config" VALUES('tool_server.connections','[]',1795438328);
INSERT INTO "config" VALUES('terminal_server.connections','[]',1795438328);
INSERT INTO "config" VALUES('code_execution.enable','true',1795438328);
INSERT INTO "config" VALUES('code_execution.engine','"pyodide"',1795438328);
INSERT INTO "config" VALUES('code_execution.jupyter.url','""',1795438328);
INSERT INTO "config" VALUES('code_execution.jupyter.auth','""',1795438328);
INSERT INTO "config" VALUES('code_execution.jupyter.auth_token','""',1795438328);
INSERT INTO "config" VALUES('code_execution.jupyter.auth_password','""',1795438328);
INSERT INTO "config" VALUES('code_execution.jupyter.timeout',60,1795438328);
INSERT INTO "config" VALUES('code_interpreter.enable','true',1795438328);
INSERT INTO "config" VALUES('memories.enable','true',1795438328);
INSERT INTO "config" VALUES('memories.system_context.enable','true',1795438328);
INSERT INTO "config" VALUES('memories.background_review.enable','false',1795438328);
INSERT INTO "config" VALUES('memories.review_interval_turns',10,1795438328);
INSERT INTO "config" VALUES('memories.user_char_limit',2000,1795438328);
INSERT INTO "config" VALUES('memories.context_char_limit',2000,1795438328);
INSERT INTO "config" VALUES('code_interpreter.engine','"pyodide"',1795438328);
INSERT INTO "config" VALUES('code_interpreter.prompt_template','""',1795438328);
INSERT INTO "config" VALUES('code_interpreter.jupyter.url','""',1795438328);
INSERT INTO "config" VALUES('code_interpreter.jupyter.auth','""',1795438328);
INSERT INTO "config" VALUES('code_interpreter.jupyter.auth_token','""',1795438328);
INSERT INTO "config" VALUES('code_interpreter.jupyter.auth_password','""',1795438328);
INSERT INTO "config" VALUES('code_interpreter.jupyter.timeout',60,1795438328);
INSERT INTO "config" VALUES('google_drive.enable','false',1795438328);
INSERT INTO "config" VALUES('google_drive.client_id','""',1795438328);
INSERT INTO "config" VALUES('google_drive.api_key','""',1795438328);
INSERT INTO "config" VALUES('onedrive.enable','false',1795438328);
INSERT INTO "config" VALUES('onedrive.sharepoint_url','""',1795438328);
INSERT INTO "config" VALUES('onedrive.sharepoint_tenant_id','""',1795438328);
INSERT INTO "config" VALUES('rag.content_extraction_engine','""',1795438328);
INSERT INTO "config" VALUES('rag.content_extraction.supported_media_mime_types','null',1795438328);
INSERT INTO "config" VALUES('rag.datalab_marker_api_key','""',1795438328);
INSERT INTO "config" VALUES('rag.datalab_marker_api_base_url','""',1795438328);
INSERT INTO "config" VALUES('rag.datalab_marker_additional_config','""',1795438328);
INSERT INTO "config" VALUES('rag.datalab_marker_use_llm','false',1795438328);
INSERT INTO "config" VALUES('rag.datalab_marker_skip_cache','false',1795438328);
INSERT INTO "config" VALUES('rag.datalab_marker_force_ocr','false',1795438328);
INSERT INTO "config" VALUES('rag.datalab_marker_paginate','false',1795438328);
INSERT INTO "config" VALUES('rag.datalab_marker_strip_existing_ocr','false',1795438328);
INSERT INTO "config" VALUES('rag.datalab_marker_disable_image_extraction','false',1795438328);
INSERT INTO "config" VALUES('rag.datalab_marker_format_lines','false',1795438328);
INSERT INTO "config" VALUES('rag.datalab_marker_output_format','"markdown"',1795438328);
INSERT INTO "config" VALUES('rag.mineru_api_mode','"local"',1795438328);
INSERT INTO "config" VALUES('rag.mineru_api_url','"http://localhost:8000"',1795438328);
INSERT INTO "config" VALUES('rag.mineru_api_timeout','"300"',1795438328);
INSERT INTO "config" VALUES('rag.mineru_api_key','""',1795438328);
INSERT INTO "config" VALUES('rag.mineru_params','{}',1795438328);
INSERT INTO "config" VALUES('rag.mineru_file_extensions','["pdf"]',1795438328);
INSERT INTO "config" VALUES('rag.external_document_loader_url','""',1795438328);
INSERT INTO "config" VALUES('rag.external_document_loader_api_key','""',1795438328);
INSERT INTO "config" VALUES('rag.external_document_loader_headers','{}',1795438328);
INSERT INTO "config" VALUES('rag.tika_server_url','"http://tika:9998"',1795438328);
INSERT INTO "config" VALUES('rag.tika_server_version','"3"',1795438328);
INSERT INTO "config" VALUES('rag.docling_server_url','"http://docling:5001"',1795438328);
INSERT INTO "config" VALUES('rag.docling_api_key','""',1795438328);
INSERT INTO "config" VALUES('rag.docling_params','{}',1795438328);
INSERT INTO "config" VALUES('rag.document_intelligence_endpoint','""',1795438328);
INSERT INTO "config" VALUES('rag.document_intelligence_key','""',1795438328);
INSERT INTO "config" VALUES('rag.document_intelligence_model','"prebuilt-layout"',1795438328);
INSERT INTO "config" VALUES('rag.mistral_ocr_api_base_url','"https://api.mistral.ai/v1"',1795438328);
INSERT INTO "config" VALUES('rag.mistral_ocr_api_key','""',1795438328);
INSERT INTO "config" VALUES('rag.mistral_ocr_use_base64','false',1795438328);
INSERT INTO "config" VALUES('rag.paddleocr_vl_base_url','"http://localhost:8080"',1795438328);
INSERT INTO "config" VALUES('rag.paddleocr_vl_token','""',1795438328);
INSERT INTO "config" VALUES('rag.bypass_embedding_and_retrieval','false',1795438328);
INSERT INTO "config" VALUES('rag.top_k',3,1795438328);
INSERT INTO "config" VALUES('rag.top_k_reranker',3,1795438328);
INSERT INTO "config" VALUES('rag.relevance_threshold',0,1795438328);
INSERT INTO "config" VALUES('rag.hybrid_bm25_weight',0.5,1795438328);
INSERT INTO "config" VALUES('rag.enable_hybrid_search','false',1795438328);
INSERT INTO "config" VALUES('rag.enable_hybrid_search_enriched_texts','false',1795438328);
INSERT INTO "config" VALUES('rag.full_context','false',1795438328);
INSERT INTO "config" VALUES('rag.file.max_count','null',1795438328);
INSERT INTO "config" VALUES('rag.file.max_size','null',1795438328);
INSERT INTO "config" VALUES('file.image_compression_width','null',1795438328);
INSERT INTO "config" VALUES('file.image_compression_height','null',1795438328);
INSERT INTO "config" VALUES('rag.file.allowed_extensions','[]',1795438328);
INSERT INTO "config" VALUES('rag.embedding_engine','""',1795438328);
INSERT INTO "config" VALUES('rag.pdf_extract_images','false',1795438328);
INSERT INTO "config" VALUES('rag.pdf_loader_mode','"page"',1795438328);
INSERT INTO "config" VALUES('rag.embedding_model','"sentence-transformers/all-MiniLM-L6-v2"',1795438328);
INSERT INTO "config" VALUES('rag.tokenizer_model','""',1795438328);
INSERT INTO "config" VALUES('rag.embedding_batch_size',1,1795438328);
INSERT INTO "config" VALUES('rag.enable_async_embedding','true',1795438328);
INSERT INTO "config" VALUES('rag.embedding_concurrent_requests',0,1795438328);
INSERT INTO "config" VALUES('rag.reranking_engine','""',1795438328);
INSERT INTO "config" VALUES('rag.reranking_model','""',1795438328);
INSERT INTO "config" VALUES('rag.reranking_batch_size',32,1795438328);
INSERT INTO "config" VALUES('rag.external_reranker_url','""',1795438328);
INSERT INTO "config" VALUES('rag.external_reranker_api_key','""',1795438328);
INSERT INTO "config" VALUES('rag.external_reranker_timeout','""',1795438328);
INSERT INTO "config" VALUES('rag.text_splitter','""',1795438328);
INSERT INTO "config" VALUES('rag.enable_markdown_header_text_splitter','true',1795438328);
INSERT INTO "config" VALUES('rag.tiktoken_encoding_name','"cl100k_base"',1795438328);
INSERT INTO "config" VALUES('rag.chunk_size',1000,1795438328);
INSERT INTO "config" VALUES('rag.chunk_min_size_target',0,1795438328);
INSERT INTO "config" VALUES('rag.chunk_overlap',100,1795438328);
INSERT INTO "config" VALUES('rag.openai.api_base_url','"https://api.openai.com/v1"',1795438328);
INSERT INTO "config" VALUES('rag.openai.api_key','""',1795438328);
INSERT INTO "config" VALUES('rag.azure_openai.base_url','""',1795438328);
INSERT INTO "config" VALUES('rag.azure_openai.api_key','""',1795438328);
INSERT INTO "config" VALUES('rag.azure_openai.api_version','""',1795438328);
INSERT INTO "config" VALUES('rag.ollama.base_url','"http://localhost:11434"',1795438328);
INSERT INTO "config" VALUES('rag.ollama.api_key','""',1795438328);
INSERT INTO "config" VALUES('rag.youtube_loader_language','["en"]',1795438328);
INSERT INTO "config" VALUES('rag.youtube_loader_proxy_url','""',1795438328);
INSERT INTO "config" VALUES('web.search.enable','false',1795438328);
INSERT INTO "config" VALUES('web.search.confirmation.enable','false',1795438328);
INSERT INTO "config" VALUES('web.search.confirmation.content','"Your query will be sent to the configured web search provider."',1795438328);
INSERT INTO "config" VALUES('web.search.engine','""',1795438328);
INSERT INTO "config" VALUES('web.search.bypass_embedding_and_retrieval','false',1795438328);
INSERT INTO "config" VALUES('web.search.bypass_web_loader','false',1795438328);
INSERT INTO "config" VALUES('web.search.result_count',3,1795438328);
INSERT INTO "config" VALUES('web.search.domain.filter_list','[]',1795438328);
INSERT INTO "config" VALUES('web.search.concurrent_requests',0,1795438328);
INSERT INTO "config" VALUES('web.fetch.max_content_length','null',1795438328);
INSERT INTO "config" VALUES('web.loader.engine','""',1795438328);
INSERT INTO "config" VALUES('web.loader.concurrent_requests',10,1795438328);
INSERT INTO "config" VALUES('web.loader.timeout','""',1795438328);
INSERT INTO "config" VALUES('web.loader.ssl_verification','true',1795438328);
INSERT INTO "config" VALUES('web.search.trust_env','true',1795438328);
INSERT INTO "config" VALUES('web.search.ollama_cloud_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.searxng_query_url','""',1795438328);
INSERT INTO "config" VALUES('web.search.openserp_base_url','"http://localhost:7000"',1795438328);
INSERT INTO "config" VALUES('web.search.searxng_language','"all"',1795438328);
INSERT INTO "config" VALUES('web.search.yacy_query_url','""',1795438328);
INSERT INTO "config" VALUES('web.search.yacy_username','""',1795438328);
INSERT INTO "config" VALUES('web.search.yacy_password','""',1795438328);
INSERT INTO "config" VALUES('web.search.google_pse_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.google_pse_engine_id','""',1795438328);
INSERT INTO "config" VALUES('web.search.brave_search_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.brave_search_context_tokens',8192,1795438328);
INSERT INTO "config" VALUES('web.search.kagi_search_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.mojeek_search_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.bocha_search_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.serpstack_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.serpstack_https','true',1795438328);
INSERT INTO "config" VALUES('web.search.serper_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.serply_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.serphouse_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.serphouse_domain','"google.com"',1795438328);
INSERT INTO "config" VALUES('web.search.ddgs_backend','"auto"',1795438328);
INSERT INTO "config" VALUES('web.search.jina_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.jina_api_base_url','""',1795438328);
INSERT INTO "config" VALUES('web.search.searchapi_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.searchapi_engine','""',1795438328);
INSERT INTO "config" VALUES('web.search.serpapi_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.serpapi_engine','""',1795438328);
INSERT INTO "config" VALUES('web.search.bing_search_v7_endpoint','"https://api.bing.microsoft.com/v7.0/search"',1795438328);
INSERT INTO "config" VALUES('web.search.bing_search_v7_subscription_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.azure_ai_search_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.azure_ai_search_endpoint','""',1795438328);
INSERT INTO "config" VALUES('web.search.azure_ai_search_index_name','""',1795438328);
INSERT INTO "config" VALUES('web.search.exa_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.exa_max_content_length','null',1795438328);
INSERT INTO "config" VALUES('web.search.perplexity_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.perplexity_model','"sonar"',1795438328);
INSERT INTO "config" VALUES('web.search.perplexity_search_context_usage','"medium"',1795438328);
INSERT INTO "config" VALUES('web.search.perplexity_search_api_url','"https://api.perplexity.ai/search"',1795438328);
INSERT INTO "config" VALUES('web.search.microsoft_web_iq_api_base_url','"https://api.microsoft.ai/v3"',1795438328);
INSERT INTO "config" VALUES('web.search.microsoft_web_iq_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.microsoft_web_iq_language','"en"',1795438328);
INSERT INTO "config" VALUES('web.search.sougou_api_sid','""',1795438328);
INSERT INTO "config" VALUES('web.search.sougou_api_sk','""',1795438328);
INSERT INTO "config" VALUES('web.search.tavily_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.tavily_extract_depth','"basic"',1795438328);
INSERT INTO "config" VALUES('web.search.tavily_search_depth','"basic"',1795438328);
INSERT INTO "config" VALUES('web.search.staan_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.staan_market','"en-us"',1795438328);
INSERT INTO "config" VALUES('web.search.staan_max_snippets',0,1795438328);
INSERT INTO "config" VALUES('web.loader.playwright_ws_url','""',1795438328);
INSERT INTO "config" VALUES('web.loader.playwright_timeout',10000,1795438328);
INSERT INTO "config" VALUES('web.loader.firecrawl_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.loader.firecrawl_api_url','"https://api.firecrawl.dev"',1795438328);
INSERT INTO "config" VALUES('web.loader.firecrawl_timeout','""',1795438328);
INSERT INTO "config" VALUES('web.search.external_web_search_url','""',1795438328);
INSERT INTO "config" VALUES('web.search.external_web_search_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.loader.external_web_loader_url','""',1795438328);
INSERT INTO "config" VALUES('web.loader.external_web_loader_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.yandex_web_search_url','""',1795438328);
INSERT INTO "config" VALUES('web.search.yandex_web_search_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.yandex_web_search_config','""',1795438328);
INSERT INTO "config" VALUES('web.search.youcom_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.linkup_api_key','""',1795438328);
INSERT INTO "config" VALUES('web.search.linkup_search_params','{}',1795438328);
INSERT INTO "config" VALUES('image_generation.enable','false',1795438328);
INSERT INTO "config" VALUES('image_generation.engine','"openai"',1795438328);
INSERT INTO "config" VALUES('image_generation.model','""',1795438328);
INSERT INTO "config" VALUES('image_generation.size','"512x512"',1795438328);
INSERT INTO "config" VALUES('image_generation.steps',50,1795438328);
INSERT INTO "config" VALUES('image_generation.prompt.enable','true',1795438328);
INSERT INTO "config" VALUES('image_generation.automatic1111.base_url','""',1795438328);
INSERT INTO "config" VALUES('image_generation.automatic1111.api_auth','""',1795438328);
INSERT INTO "config" VALUES('image_generation.automatic1111.api_params','{}',1795438328);
INSERT INTO "config" VALUES('image_generation.comfyui.base_url','""',1795438328);
INSERT INTO "config" VALUES('image_generation.comfyui.api_key','""',1795438328);
INSERT INTO "config" VALUES('image_generation.comfyui.nodes','[]',1795438328);
INSERT INTO "config" VALUES('image_generation.openai.api_base_url','"https://api.openai.com/v1"',1795438328);
INSERT INTO "config" VALUES('image_generation.openai.api_version','""',1795438328);
INSERT INTO "config" VALUES('image_generation.openai.api_key','""',1795438328);
INSERT INTO "config" VALUES('image_generation.openai.params','{}',1795438328);
INSERT INTO "config" VALUES('image_generation.gemini.api_base_url','""',1795438328);
INSERT INTO "config" VALUES('image_generation.gemini.api_key','""',1795438328);
INSERT INTO "config" VALUES('image_generation.gemini.endpoint_method','""',1795438328);
INSERT INTO "config" VALUES('images.edit.enable','false',1795438328);
INSERT INTO "config" VALUES('images.edit.engine','"openai"',1795438328);
INSERT INTO "config" VALUES('images.edit.model','""',1795438328);
INSERT INTO "config" VALUES('images.edit.size','""',1795438328);
INSERT INTO "config" VALUES('images.edit.openai.api_base_url','"https://api.openai.com/v1"',1795438328);
INSERT INTO "config" VALUES('images.edit.openai.api_version','""',1795438328);
INSERT INTO "config" VALUES('images.edit.openai.api_key','""',1795438328);
INSERT INTO "config" VALUES('images.edit.gemini.api_base_url','""',1795438328);
INSERT INTO "config" VALUES('images.edit.gemini.api_key','""',1795438328);
INSERT INTO "config" VALUES('images.edit.comfyui.base_url','""',1795438328);
INSERT INTO "config" VALUES('images.edit.comfyui.api_key','""',1795438328);
INSERT INTO "config" VALUES('images.edit.comfyui.workflow','""',1795438328);
INSERT INTO "config" VALUES('images.edit.comfyui.nodes','[]',1795438328);
INSERT INTO "config" VALUES('audio.stt.whisper_model','"base"',1795438328);
INSERT INTO "config" VALUES('audio.stt.deepgram.api_key','""',1795438328);
INSERT INTO "config" VALUES('audio.stt.openai.api_base_url','"https://api.openai.com/v1"',1795438328);
INSERT INTO "config" VALUES('audio.stt.openai.api_key','""',1795438328);
INSERT INTO "config" VALUES('audio.stt.openai.api_request_format','"multipart"',1795438328);
INSERT INTO "config" VALUES('audio.stt.engine','""',1795438328);
INSERT INTO "config" VALUES('audio.stt.model','""',1795438328);
INSERT INTO "config" VALUES('audio.stt.supported_content_types','[]',1795438328);
INSERT INTO "config" VALUES('audio.stt.allowed_extensions','["mp3","wav","m4a","webm","ogg","flac","mp4","mpga","mpeg"]',1795438328);
INSERT INTO "config" VALUES('audio.stt.azure.api_key','""',1795438328);
INSERT INTO "config" VALUES('audio.stt.azure.region','""',1795438328);
INSERT INTO "config" VALUES('audio.stt.azure.locales','""',1795438328);
INSERT INTO "config" VALUES('audio.stt.azure.base_url','""',1795438328);
INSERT INTO "config" VALUES('audio.stt.azure.max_speakers','""',1795438328);
INSERT INTO "config" VALUES('audio.stt.mistral.api_key','""',1795438328);
INSERT INTO "config" VALUES('audio.stt.mistral.api_base_url','"https://api.mistral.ai/v1"',1795438328);
INSERT INTO "config" VALUES('audio.stt.mistral.use_chat_completions','false',1795438328);
INSERT INTO "config" VALUES('audio.tts.openai.api_base_url','"https://api.openai.com/v1"',1795438328);
INSERT INTO "config" VALUES('audio.tts.openai.api_key','""',1795438328);
INSERT INTO "config" VALUES('audio.tts.openai.params','{}',1795438328);
INSERT INTO "config" VALUES('audio.tts.api_key','""',1795438328);
INSERT INTO "config" VALUES('audio.realtime.enabled','false',1795438328);
INSERT INTO "config" VALUES('audio.realtime.provider','"openai"',1795438328);
INSERT INTO "config" VALUES('audio.realtime.auth_type','"api_key"',1795438328);
INSERT INTO "config" VALUES('audio.realtime.openai.api_base_url','"https://api.openai.com/v1"',1795438328);
INSERT INTO "config" VALUES('audio.realtime.openai.api_key','""',1795438328);
INSERT INTO "config" VALUES('audio.realtime.model','"gpt-realtime-2.1-mini"',1795438328);
INSERT INTO "config" VALUES('audio.realtime.voice','"marin"',1795438328);
INSERT INTO "config" VALUES('audio.realtime.transcription_model','"gpt-transcribe"',1795438328);
INSERT INTO "config" VALUES('audio.realtime.input_params','null',1795438328);
INSERT INTO "config" VALUES('audio.realtime.prompt_template','null',1795438328);
INSERT INTO "config" VALUES('audio.tts.engine','""',1795438328);
INSERT INTO "config" VALUES('audio.tts.model','"tts-1"',1795438328);
INSERT INTO "config" VALUES('audio.tts.voice','"alloy"',1795438328);
INSERT INTO "config" VALUES('audio.tts.realtime.prompt_template','null',1795438328);
INSERT INTO "config" VALUES('audio.tts.split_on','"punctuation"',1795438328);
INSERT INTO "config" VALUES('audio.tts.azure.speech_region','""',1795438328);
INSERT INTO "config" VALUES('audio.tts.azure.speech_base_url','""',1795438328);
INSERT INTO "config" VALUES('audio.tts.azure.speech_output_format','"audio-24khz-160kbitrate-mono-mp3"',1795438328);
INSERT INTO "config" VALUES('audio.tts.mistral.api_key','""',1795438328);
INSERT INTO "config" VALUES('audio.tts.mistral.api_base_url','"https://api.mistral.ai/v1"',1795438328);
INSERT INTO "config" VALUES('webui.url','""',1795438328);
INSERT INTO "config" VALUES('ui.enable_signup','false',1795438328);
INSERT INTO "config" VALUES('ui.enable_login_form','true',1795438328);
INSERT INTO "config" VALUES('ui.enable_password_change_form','true',1795438328);
INSERT INTO "config" VALUES('ui.default_locale','""',1795438328);
INSERT INTO "config" VALUES('ui.default_models','null',1795438328);
INSERT INTO "config" VALUES('ui.default_pinned_models','null',1795438328);
INSERT INTO "config" VALUES('ui.default_interface_settings','{}',1795438328);
INSERT INTO "config" VALUES('ui.visibility','{}',1795438328);
INSERT INTO "config" VALUES('ui.i18n','{}',1795438328);
INSERT INTO "config" VALUES('ui.prompt_suggestions','null',1795438328);
INSERT INTO "config" VALUES('ui.prompt_suggestions_i18n','{}',1795438328);
INSERT INTO "config" VALUES('ui.model_order_list','[]',1795438328);
INSERT INTO "config" VALUES('models.default_metadata','{}',1795438328);
INSERT INTO "config" VALUES('models.default_params','{}',1795438328);
INSERT INTO "config" VALUES('ui.default_user_role','"pending"',1795438328);
INSERT INTO "config" VALUES('ui.default_group_id','""',1795438328);
INSERT INTO "config" VALUES('ui.pending_user_overlay_title','""',1795438328);
INSERT INTO "config" VALUES('ui.pending_user_overlay_content','""',1795438328);
INSERT INTO "config" VALUES('ui.watermark','""',1795438328);
INSERT INTO "config" VALUES('user.permissions','{"workspace":{"models":false,"knowledge":false,"prompts":false,"tools":false,"skills":false,"models_import":false,"models_export":false,"models_hidden":false,"prompts_import":false,"prompts_export":false,"tools_import":false,"tools_export":false,"skills_import":false,"skills_export":false},"sharing":{"models":false,"public_models":false,"knowledge":false,"public_knowledge":false,"prompts":false,"public_prompts":false,"tools":false,"public_tools":false,"skills":false,"public_skills":false,"notes":false,"public_notes":false,"folders":false,"public_chats":false,"open_chats":false,"public_calendars":false},"access_grants":{"allow_users":true,"allow_groups":true},"chat":{"controls":true,"valves":true,"system_prompt":true,"params":true,"file_upload":true,"web_upload":true,"delete":true,"delete_message":true,"continue_response":true,"regenerate_response":true,"rate_response":true,"edit":true,"share":true,"export":true,"import":true,"stt":true,"tts":true,"call":true,"multiple_models":true,"temporary":true,"temporary_enforced":false},"features":{"api_keys":false,"notes":true,"folders":true,"channels":true,"encrypted_channels":false,"direct_tool_servers":false,"web_search":true,"image_generation":true,"code_interpreter":true,"memories":true,"automations":false,"calendar":true,"webhooks":false},"settings":{"interface":true}}',1795438328);
INSERT INTO "config" VALUES('folders.enable','true',1795438328);
INSERT INTO "config" VALUES('folders.max_file_count','""',1795438328);
INSERT INTO "config" VALUES('channels.enable','false',1795438328);
INSERT INTO "config" VALUES('channels.encryption.enable','false',1795438328);
INSERT INTO "config" VALUES('apps.enable','false',1795438328);
INSERT INTO "config" VALUES('channels.model_response_mode','"thread"',1795438328);
INSERT INTO "config" VALUES('calendar.enable','true',1795438328);
INSERT INTO "config" VALUES('automations.enable','true',1795438328);
INSERT INTO "config" VALUES('subagents.enable','false',1795438328);
INSERT INTO "config" VALUES('subagents.background_enabled','false',1795438328);
INSERT INTO "config" VALUES('subagents.max_concurrent',20,1795438328);
INSERT INTO "config" VALUES('subagents.max_async',20,1795438328);
INSERT INTO "config" VALUES('subagents.max_iterations',30,1795438328);
INSERT INTO "config" VALUES('subagents.max_output',30000,1795438328);
INSERT INTO "config" VALUES('subagents.system_prompt','""',1795438328);
INSERT INTO "config" VALUES('automations.max_count','""',1795438328);
INSERT INTO "config" VALUES('automations.min_interval','""',1795438328);
INSERT INTO "config" VALUES('automations.auth_token_expires_in','"1h"',1795438328);
INSERT INTO "config" VALUES('notes.enable','true',1795438328);
INSERT INTO "config" VALUES('users.enable_status','true',1795438328);
INSERT INTO "config" VALUES('evaluation.arena.enable','false',1795438328);
INSERT INTO "config" VALUES('evaluation.arena.models','[]',1795438328);
INSERT INTO "config" VALUES('webhook_url','""',1795438328);
INSERT INTO "config" VALUES('ui.enable_community_sharing','true',1795438328);
INSERT INTO "config" VALUES('ui.enable_message_rating','true',1795438328);
INSERT INTO "config" VALUES('ui.enable_user_webhooks','false',1795438328);
INSERT INTO "config" VALUES('ui.banners','[{"i18n":null,"id":"b","type":"info","title":"ref","content":"ref","dismissible":true,"timestamp":1}]',1795438328);
INSERT INTO "config" VALUES('auth.admin.show','true',1795438328);
INSERT INTO "config" VALUES('auth.admin.email','null',1795438328);
INSERT INTO "config" VALUES('task.model.default','""',1795438328);
INSERT INTO "config" VALUES('task.model.external','""',1795438328);
INSERT INTO "config" VALUES('task.model.params','{}',1795438328);
INSERT INTO "config" VALUES('chat.context_compaction.model','""',1795438328);
INSERT INTO "config" VALUES('chat.context_compaction.enable','false',1795438328);
INSERT INTO "config" VALUES('chat.context_compaction.token_threshold',80000,1795438328);
INSERT INTO "config" VALUES('chat.context_compaction.token_cap','null',1795438328);
INSERT INTO "config" VALUES('chat.context_compaction.retention_percentage',40,1795438328);
INSERT INTO "config" VALUES('chat.context_compaction.prompt_template','""',1795438328);
INSERT INTO "config" VALUES('chat.tool_permissions.enable','false',1795438328);
INSERT INTO "config" VALUES('chat.tool_search.enable','false',1795438328);
INSERT INTO "config" VALUES('chat.tool_search.defer_threshold',400,1795438328);
INSERT INTO "config" VALUES('chat.tool_search.always_loaded','[]',1795438328);
INSERT INTO "config" VALUES('chat.tool_search.defer_builtin_tools','true',1795438328);
INSERT INTO "config" VALUES('task.title.prompt_template','""',1795438328);
INSERT INTO "config" VALUES('task.tags.prompt_template','""',1795438328);
INSERT INTO "config" VALUES('task.image.prompt_template','""',1795438328);
INSERT INTO "config" VALUES('task.follow_up.prompt_template','""',1795438328);
INSERT INTO "config" VALUES('task.follow_up.enable','true',1795438328);
INSERT INTO "config" VALUES('task.tags.enable','true',1795438328);
INSERT INTO "config" VALUES('task.title.enable','true',1795438328);
INSERT INTO "config" VALUES('task.query.search.enable','true',1795438328);
INSERT INTO "config" VALUES('task.query.retrieval.enable','true',1795438328);
INSERT INTO "config" VALUES('task.query.prompt_template','""',1795438328);
INSERT INTO "config" VALUES('task.autocomplete.enable','false',1795438328);
INSERT INTO "config" VALUES('task.autocomplete.input_max_length',-1,1795438328);
INSERT INTO "config" VALUES('task.autocomplete.prompt_template','""',1795438328);
INSERT INTO "config" VALUES('task.voice.prompt_template','""',1795438328);
INSERT INTO "config" VALUES('task.voice.prompt.enable','true',1795438328);
INSERT INTO "config" VALUES('task.tools.prompt_template','""',1795438328);
INSERT INTO "config" VALUES('auth.enable_api_keys','true',1795438328);
INSERT INTO "config" VALUES('auth.api_key.endpoint_restrictions','false',1795438328);
INSERT INTO "config" VALUES('auth.api_key.allowed_endpoints','""',1795438328);
INSERT INTO "config" VALUES('auth.jwt_expiry','"4w"',1795438328);
INSERT INTO "config" VALUES('auth.mfa.enable','false',1795438328);
INSERT INTO "config" VALUES('auth.mfa.allow_oauth_bypass','false',1795438328);
INSERT INTO "config" VALUES('auth.mfa.allow_trusted_header_bypass','false',1795438328);
INSERT INTO "config" VALUES('ldap.enable','false',1795438328);
INSERT INTO "config" VALUES('ldap.server.label','"LDAP Server"',1795438328);
INSERT INTO "config" VALUES('ldap.server.host','"localhost"',1795438328);
INSERT INTO "config" VALUES('ldap.server.port',389,1795438328);
INSERT INTO "config" VALUES('ldap.server.attribute_for_mail','"mail"',1795438328);
INSERT INTO "config" VALUES('ldap.server.default_email_domain','""',1795438328);
INSERT INTO "config" VALUES('ldap.server.attribute_for_username','"uid"',1795438328);
INSERT INTO "config" VALUES('ldap.server.app_dn','""',1795438328);
INSERT INTO "config" VALUES('ldap.server.app_password','""',1795438328);
INSERT INTO "config" VALUES('ldap.server.users_dn','""',1795438328);
INSERT INTO "config" VALUES('ldap.server.search_filter','""',1795438328);
INSERT INTO "config" VALUES('ldap.server.use_tls','true',1795438328);
INSERT INTO "config" VALUES('ldap.server.ca_cert_file','""',1795438328);
INSERT INTO "config" VALUES('ldap.server.validate_cert','true',1795438328);
INSERT INTO "config" VALUES('ldap.server.ciphers','"ALL"',1795438328);
INSERT INTO "config" VALUES('ldap.group.enable_management','false',1795438328);
INSERT INTO "config" VALUES('ldap.group.enable_creation','false',1795438328);
INSERT INTO "config" VALUES('ldap.server.attribute_for_groups','"memberOf"',1795438328);
CREATE TABLE "config_old" (
	id INTEGER NOT NULL, 
	data JSON NOT NULL, 
	version INTEGER NOT NULL, 
	created_at DATETIME DEFAULT CURRENT_TIMESTAMP NOT NULL, 
	updated_at DATETIME DEFAULT CURRENT_TIMESTAMP, 
	PRIMARY KEY (id)
);
CREATE TABLE document (
	collection_name VARCHAR NOT NULL, 
	name VARCHAR, 
	title TEXT, 
	filename TEXT, 
	content TEXT, 
	user_id VARCHAR, 
	timestamp BIGINT, 
	PRIMARY KEY (collection_name), 
	UNIQUE (name)
);
CREATE TABLE feedback (
	id TEXT NOT NULL, 
	user_id TEXT, 
	version BIGINT, 
	type TEXT, 
	data JSON, 
	meta JSON, 
	snapshot JSON, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE "file" (
	id VARCHAR NOT NULL, 
	user_id VARCHAR, 
	filename TEXT, 
	meta JSON, 
	created_at BIGINT, 
	hash TEXT, 
	data JSON, 
	updated_at BIGINT, 
	path TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE "folder" (
	id TEXT NOT NULL, 
	parent_id TEXT, 
	user_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	items JSON, 
	meta JSON, 
	is_expanded BOOLEAN NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, data JSON, 
	PRIMARY KEY (id, user_id)
);
INSERT INTO "folder" VALUES('d2142ae6-c5f8-4027-97b9-d1539c88373b',NULL,'0d3084f8-4007-4eed-8109-e7fffdec0f94','ref folder 1','null','null',0,1795438328,1795438328,'null');
CREATE TABLE function (
	id VARCHAR NOT NULL, 
	user_id VARCHAR, 
	name TEXT, 
	type TEXT, 
	content TEXT, 
	meta TEXT, 
	valves TEXT, 
	is_active BOOLEAN, 
	is_global BOOLEAN, 
	updated_at BIGINT, 
	created_at BIGINT, version_id TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE function_history (
	id TEXT NOT NULL, 
	function_id TEXT NOT NULL, 
	parent_id TEXT, 
	snapshot JSON NOT NULL, 
	user_id TEXT NOT NULL, 
	commit_message TEXT, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE "group" (
	id TEXT NOT NULL, 
	user_id TEXT, 
	name TEXT, 
	description TEXT, 
	data JSON, 
	meta JSON, 
	permissions JSON, 
	created_at BIGINT, 
	updated_at BIGINT, 
	parent_group_id TEXT, 
	PRIMARY KEY (id), 
	CONSTRAINT fk_group_parent FOREIGN KEY(parent_group_id) REFERENCES "group" (id) ON DELETE SET NULL, 
	UNIQUE (id)
);
CREATE TABLE group_member (
	id TEXT NOT NULL, 
	group_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	created_at BIGINT, 
	updated_at BIGINT, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_group_member_group_user UNIQUE (group_id, user_id), 
	UNIQUE (id), 
	FOREIGN KEY(group_id) REFERENCES "group" (id) ON DELETE CASCADE, 
	FOREIGN KEY(user_id) REFERENCES user (id) ON DELETE CASCADE
);
CREATE TABLE "knowledge" (
	id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	description TEXT, 
	meta JSON, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT, 
	data JSON, 
	PRIMARY KEY (id)
);
CREATE TABLE knowledge_directory (
	id TEXT NOT NULL, 
	knowledge_id TEXT NOT NULL, 
	parent_id TEXT, 
	name TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(knowledge_id) REFERENCES knowledge (id) ON DELETE CASCADE, 
	FOREIGN KEY(parent_id) REFERENCES knowledge_directory (id) ON DELETE CASCADE, 
	CONSTRAINT uq_knowledge_directory_knowledge_parent_name UNIQUE (knowledge_id, parent_id, name)
);
CREATE TABLE "knowledge_file" (
	id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	knowledge_id TEXT NOT NULL, 
	file_id TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	directory_id TEXT, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_knowledge_file_knowledge_file UNIQUE (knowledge_id, file_id), 
	CONSTRAINT fk_knowledge_file_directory_id FOREIGN KEY(directory_id) REFERENCES knowledge_directory (id) ON DELETE SET NULL, 
	FOREIGN KEY(knowledge_id) REFERENCES knowledge (id) ON DELETE CASCADE, 
	FOREIGN KEY(file_id) REFERENCES file (id) ON DELETE CASCADE
);
CREATE TABLE memory (
	id VARCHAR NOT NULL, 
	user_id VARCHAR, 
	content TEXT, 
	updated_at BIGINT, 
	created_at BIGINT, type VARCHAR DEFAULT 'context' NOT NULL, path TEXT, meta JSON, 
	PRIMARY KEY (id)
);
CREATE TABLE message (
	id TEXT NOT NULL, 
	user_id TEXT, 
	channel_id TEXT, 
	content TEXT, 
	data JSON, 
	meta JSON, 
	created_at BIGINT, 
	updated_at BIGINT, parent_id TEXT, reply_to_id TEXT, is_pinned BOOLEAN DEFAULT 0 NOT NULL, pinned_at BIGINT, pinned_by TEXT, app_id TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (id)
);
CREATE TABLE message_reaction (
	id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	message_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created_at BIGINT, 
	PRIMARY KEY (id), 
	UNIQUE (id)
);
CREATE TABLE "model" (
	id TEXT NOT NULL, 
	user_id TEXT, 
	base_model_id TEXT, 
	name TEXT, 
	params TEXT, 
	meta TEXT, 
	updated_at BIGINT, 
	created_at BIGINT, 
	is_active BOOLEAN DEFAULT 1 NOT NULL, version_id TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE model_history (
	id TEXT NOT NULL, 
	model_id TEXT NOT NULL, 
	parent_id TEXT, 
	snapshot JSON NOT NULL, 
	user_id TEXT NOT NULL, 
	commit_message TEXT, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE "note" (
	id TEXT NOT NULL, 
	user_id TEXT, 
	title TEXT, 
	data JSON, 
	meta JSON, 
	created_at BIGINT, 
	updated_at BIGINT, 
	PRIMARY KEY (id), 
	UNIQUE (id)
);
CREATE TABLE oauth_session (
	id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	provider TEXT NOT NULL, 
	token TEXT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (id), 
	FOREIGN KEY(user_id) REFERENCES user (id) ON DELETE CASCADE
);
CREATE TABLE pinned_note (
	id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	note_id TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_pinned_note UNIQUE (user_id, note_id), 
	FOREIGN KEY(note_id) REFERENCES note (id) ON DELETE CASCADE
);
CREATE TABLE "prompt" (
	id TEXT NOT NULL, 
	command VARCHAR, 
	user_id VARCHAR NOT NULL, 
	name TEXT NOT NULL, 
	content TEXT NOT NULL, 
	data JSON, 
	meta JSON, 
	is_active BOOLEAN DEFAULT '1' NOT NULL, 
	version_id TEXT, 
	tags JSON, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE prompt_history (
	id TEXT NOT NULL, 
	prompt_id TEXT NOT NULL, 
	parent_id TEXT, 
	snapshot JSON NOT NULL, 
	user_id TEXT NOT NULL, 
	commit_message TEXT, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE shared_chat (
	id TEXT NOT NULL, 
	chat_id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	title TEXT, 
	chat JSON, 
	created_at BIGINT, 
	updated_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(chat_id) REFERENCES chat (id) ON DELETE CASCADE
);
INSERT INTO "shared_chat" VALUES('472f6c1e-a112-4e27-87f0-7569752503b7','73739689-8abd-4ff8-b823-207d99b1b65b','0d3084f8-4007-4eed-8109-e7fffdec0f94','ref chat 1','{"title":"ref chat 1","models":["demo-small"],"history":{"currentId":"a1","messages":{"q1":{"id":"q1","parentId":null,"childrenIds":["a1"],"role":"user","content":"hi ☕","user_id":"0d3084f8-4007-4eed-8109-e7fffdec0f94","user":{"id":"0d3084f8-4007-4eed-8109-e7fffdec0f94","name":"Ada"}},"a1":{"id":"a1","parentId":"q1","childrenIds":[],"role":"assistant","content":"hello","done":true,"model":"demo-small","user_id":"0d3084f8-4007-4eed-8109-e7fffdec0f94"}}},"share_mode":null}',1795438328,1795438328);
CREATE TABLE skill (
	id VARCHAR NOT NULL, 
	user_id VARCHAR NOT NULL, 
	name TEXT NOT NULL, 
	description TEXT, 
	content TEXT NOT NULL, 
	meta JSON, 
	is_active BOOLEAN NOT NULL, 
	updated_at BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, version_id TEXT, data JSON, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
CREATE TABLE skill_history (
	id TEXT NOT NULL, 
	skill_id TEXT NOT NULL, 
	parent_id TEXT, 
	snapshot JSON NOT NULL, 
	user_id TEXT NOT NULL, 
	commit_message TEXT, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE "tag" (
	id VARCHAR NOT NULL, 
	name VARCHAR, 
	user_id VARCHAR, 
	meta JSON, 
	CONSTRAINT pk_id_user_id PRIMARY KEY (id, user_id)
);
INSERT INTO "tag" VALUES('tag_1','Tag 1','0d3084f8-4007-4eed-8109-e7fffdec0f94',NULL);
CREATE TABLE "tool" (
	id VARCHAR NOT NULL, 
	user_id VARCHAR, 
	name TEXT, 
	content TEXT, 
	specs TEXT, 
	meta TEXT, 
	valves TEXT, 
	updated_at BIGINT, 
	created_at BIGINT, version_id TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE tool_history (
	id TEXT NOT NULL, 
	tool_id TEXT NOT NULL, 
	parent_id TEXT, 
	snapshot JSON NOT NULL, 
	user_id TEXT NOT NULL, 
	commit_message TEXT, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE "user" (
	id VARCHAR NOT NULL, 
	name VARCHAR, 
	email VARCHAR, 
	role VARCHAR, 
	profile_image_url TEXT, 
	last_active_at BIGINT, 
	updated_at BIGINT, 
	created_at BIGINT, 
	username VARCHAR(50), 
	bio TEXT, 
	gender TEXT, 
	date_of_birth DATE, 
	profile_banner_image_url TEXT, 
	timezone VARCHAR, 
	presence_state VARCHAR, 
	status_emoji VARCHAR, 
	status_message TEXT, 
	status_expires_at BIGINT, 
	oauth JSON, 
	info JSON, 
	settings JSON, scim JSON, variables JSON, 
	PRIMARY KEY (id)
);
INSERT INTO "user" VALUES('0d3084f8-4007-4eed-8109-e7fffdec0f94','Ada','ada@example.com','admin','/user.png',1795438328,1795438328,1795438328,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'null','null','null','null',NULL);
CREATE INDEX folder_id_idx ON chat (folder_id);
CREATE INDEX user_id_pinned_idx ON chat (user_id, pinned);
CREATE INDEX user_id_archived_idx ON chat (user_id, archived);
CREATE INDEX updated_at_user_id_idx ON chat (updated_at, user_id);
CREATE INDEX folder_id_user_id_idx ON chat (folder_id, user_id);
CREATE INDEX user_id_idx ON tag (user_id);
CREATE INDEX is_global_idx ON function (is_global);
CREATE INDEX idx_oauth_session_user_id ON oauth_session (user_id);
CREATE INDEX idx_oauth_session_expires_at ON oauth_session (expires_at);
CREATE INDEX idx_oauth_session_user_provider ON oauth_session (user_id, provider);
CREATE INDEX ix_channel_file_channel_id ON channel_file (channel_id);
CREATE INDEX ix_channel_file_user_id ON channel_file (user_id);
CREATE INDEX ix_channel_file_file_id ON channel_file (file_id);
CREATE INDEX ix_chat_file_file_id ON chat_file (file_id);
CREATE INDEX ix_chat_file_user_id ON chat_file (user_id);
CREATE INDEX ix_chat_file_chat_id ON chat_file (chat_id);
CREATE INDEX ix_chat_file_message_id ON chat_file (message_id);
CREATE INDEX ix_prompt_history_prompt_id ON prompt_history (prompt_id);
CREATE INDEX ix_chat_message_created_at ON chat_message (created_at);
CREATE INDEX ix_chat_message_user_id ON chat_message (user_id);
CREATE INDEX ix_chat_message_model_id ON chat_message (model_id);
CREATE INDEX ix_chat_message_chat_id ON chat_message (chat_id);
CREATE INDEX chat_message_chat_parent_idx ON chat_message (chat_id, parent_id);
CREATE INDEX chat_message_model_created_idx ON chat_message (model_id, created_at);
CREATE INDEX chat_message_user_created_idx ON chat_message (user_id, created_at);
CREATE INDEX idx_access_grant_resource ON access_grant (resource_type, resource_id);
CREATE INDEX idx_access_grant_principal ON access_grant (principal_type, principal_id);
CREATE UNIQUE INDEX ix_prompt_new_command ON prompt (command);
CREATE INDEX idx_skill_user_id ON skill (user_id);
CREATE INDEX idx_skill_updated_at ON skill (updated_at);
CREATE INDEX ix_automation_next_run ON automation (next_run_at);
CREATE INDEX ix_automation_run_automation_id ON automation_run (automation_id);
CREATE INDEX ix_calendar_user ON calendar (user_id);
CREATE INDEX ix_calendar_event_calendar ON calendar_event (calendar_id, start_at);
CREATE INDEX ix_calendar_event_user_date ON calendar_event (user_id, start_at);
CREATE INDEX ix_calendar_event_attendee_user ON calendar_event_attendee (user_id, status);
CREATE INDEX ix_memory_user_id ON memory (user_id);
CREATE INDEX ix_knowledge_directory_knowledge_id ON knowledge_directory (knowledge_id);
CREATE INDEX ix_knowledge_directory_parent_id ON knowledge_directory (parent_id);
CREATE INDEX ix_knowledge_file_file_id ON knowledge_file (file_id);
CREATE INDEX ix_knowledge_file_user_id ON knowledge_file (user_id);
CREATE INDEX ix_knowledge_file_knowledge_id ON knowledge_file (knowledge_id);
CREATE INDEX ix_knowledge_file_directory_id ON knowledge_file (directory_id);
CREATE INDEX ix_memory_type ON memory (type);
CREATE INDEX ix_memory_id_user_id ON memory (id, user_id);
CREATE INDEX ix_automation_user_folder ON automation (user_id, folder_id);
CREATE UNIQUE INDEX uq_user_email_lower ON user (lower(email)) WHERE email IS NOT NULL;
CREATE INDEX ix_group_member_user_id_group_id ON group_member (user_id, group_id);
CREATE INDEX timer_at_idx ON chat (timer_at) WHERE timer_at IS NOT NULL;
CREATE INDEX user_id_updated_at_id_idx ON chat (user_id, updated_at DESC, id);
CREATE INDEX user_id_timer_at_idx ON chat (user_id, timer_at) WHERE timer_at IS NOT NULL;
CREATE INDEX user_id_folder_unread_idx ON chat (user_id, folder_id, archived, updated_at, last_read_at, id);
CREATE INDEX chat_message_chat_role_done_idx ON chat_message (chat_id, role, done);
CREATE INDEX ix_group_parent_group_id ON "group" (parent_group_id);
CREATE INDEX ix_skill_history_skill_id ON skill_history (skill_id);
CREATE INDEX ix_model_history_model_id ON model_history (model_id);
CREATE INDEX ix_tool_history_tool_id ON tool_history (tool_id);
CREATE INDEX ix_function_history_function_id ON function_history (function_id);
CREATE INDEX ix_channel_member_app_active ON channel_member (app_id, is_active);
CREATE INDEX ix_message_app ON message (app_id);
COMMIT;
