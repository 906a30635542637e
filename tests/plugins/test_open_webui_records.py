"""Plugins read and change records: files, chats, models, functions, tools, folders, knowledge, memories and others."""

from __future__ import annotations

from conftest import Person, Server
from plugin_installation import install_function, install_tool
from plugin_probe import run_in_plugin
from queued_model import MODEL_ID, QueuedModel


def build_chat(text: str = "Hello") -> dict[str, object]:
    question = {"id": "q", "parentId": None, "childrenIds": ["a"], "role": "user", "content": text}
    answer = {"id": "a", "parentId": "q", "childrenIds": [], "role": "assistant", "content": "Hi", "done": True}
    return {
        "title": "Greeting",
        "models": [MODEL_ID],
        "history": {"messages": {"q": question, "a": answer}, "currentId": "a"},
    }


async def test_chats_are_read_and_changed(ada: Person, model: QueuedModel) -> None:
    chat = (await ada.post("/api/v1/chats/new", {"chat": build_chat()})).ok()
    code = f"""
        chat_id = "{chat["id"]}"
        chat = Chats.get_chat_by_id(chat_id)
        own = await Chats.get_chat_by_id_and_user_id(chat_id, user["id"])
        others = Chats.get_chat_by_id_and_user_id(chat_id, "nobody")
        await Chats.update_chat_title_by_id(chat_id, "Renamed")
        await Chats.upsert_message_to_chat_by_id_and_message_id(chat_id, "a", {{"content": "Bye"}})
        files = await Chats.add_message_files_by_id_and_message_id(chat_id, "a", [{{"type": "image", "url": "/x"}}])
        changed = await Chats.get_chat_by_id(chat_id)
        messages = Chats.get_messages_map_by_chat_id(chat_id)
        await Chats.add_chat_tag_by_id_and_user_id_and_tag_name(chat_id, user["id"], "Work")
        created = await Chats.insert_new_chat("own-id", user["id"], ChatForm(chat={{"title": "Of a plugin"}}))
        found = await Chats.get_chat_list_by_user_id(user["id"])
        return [
            chat.title, sorted(chat.model_dump()), own.id == chat_id, others, files,
            changed.title, changed.chat["history"]["messages"]["a"]["content"], messages["a"]["content"],
            [tag.name for tag in Chats.get_chat_tags_by_id_and_user_id(chat_id, user["id"])],
            created.title, sorted(entry.title for entry in found), Chats.delete_chat_by_id("own-id"),
            Chats.get_chat_by_id("own-id"), Chats.get_message_by_id_and_message_id(chat_id, "q")["content"],
        ]
        """
    result = await run_in_plugin(ada, model, code, imports="from open_webui.models.chats import ChatForm, Chats")
    fields = """archived chat created_at current_message_id folder_id id last_read_at meta pinned share_id summary tasks
        timer_at title updated_at user_id variables"""
    assert result == [
        *["Greeting", fields.split(), True, None, [{"type": "image", "url": "/x"}]],
        *["Renamed", "Bye", "Bye", ["Work"], "Of a plugin", ["Of a plugin", "Renamed"], True, None, "Hello"],
    ]
    shown = (await ada.get(f"/api/v1/chats/{chat['id']}")).ok()
    assert shown["title"] == "Renamed"
    assert shown["chat"]["history"]["messages"]["a"]["files"] == [{"type": "image", "url": "/x"}]


async def test_files_are_read_changed_and_stored(ada: Person, model: QueuedModel, server: Server) -> None:
    imports = """
        import io
        from open_webui.models.files import FileForm, Files
        from open_webui.storage.provider import Storage
        """
    code = """
        contents, path = Storage.upload_file(io.BytesIO(b"of a plugin"), "made.txt", {})
        form = FileForm(id="made", filename="made.txt", path=path, meta={"name": "made.txt", "size": 11})
        file = Files.insert_new_file(user["id"], form)
        await Files.update_file_data_by_id("made", {"content": "text", "n": [1]})
        Files.update_file_metadata_by_id("made", {"content_type": "text/plain"})
        file = await Files.get_file_by_id("made")
        again, path_again = await Storage.upload_file(io.BytesIO(b"x"), "other.txt", {"a": "b"})
        with open(Storage.get_file(file.path), "rb") as content:
            read = content.read().decode()
        return [
            contents.decode(), read, sorted(file.model_dump()), file.data, file.meta, file.filename,
            [entry.id for entry in Files.get_files_by_user_id(user["id"])], Files.get_file_by_id("none"),
            len(await Files.get_files_by_ids(["made", "none"])), again.decode(),
        ]
        """
    result = await run_in_plugin(ada, model, code, imports=imports)
    fields = ["created_at", "data", "filename", "hash", "id", "meta", "path", "updated_at", "user_id"]
    meta = {"name": "made.txt", "size": 11, "content_type": "text/plain"}
    data = {"content": "text", "n": [1]}
    assert result == ["of a plugin", "of a plugin", fields, data, meta, "made.txt", ["made"], None, 1, "x"]
    assert (await ada.get("/api/v1/files/made/content")).text == "of a plugin"
    assert await run_in_plugin(ada, model, "return Files.delete_file_by_id('made')", imports=imports) is True
    assert (await ada.get("/api/v1/files/made")).status == 404


async def test_models_functions_and_tools_are_read_and_changed(ada: Person, model: QueuedModel) -> None:
    form = {
        "id": "writer",
        "name": "Writer",
        "base_model_id": MODEL_ID,
        "meta": {"description": "w"},
        "params": {"n": 1},
    }
    (await ada.post("/api/v1/models/create", form)).ok()
    code = "class Filter:\n    class Valves:\n        def __init__(self, **values): pass\n"
    await install_function(ada, "quiet", code, is_active=False)
    await install_tool(
        ada, "adder", "class Tools:\n    def add(self, a: int, b: int) -> int:\n        'Add.'\n        return a + b"
    )
    imports = """
        from open_webui.models.functions import Functions
        from open_webui.models.models import ModelForm, ModelMeta, ModelParams, Models
        from open_webui.models.tools import Tools as ToolTable
        """
    code = """
        writer = Models.get_model_by_id("writer")
        Models.update_model_by_id("writer", ModelForm(**{**writer.model_dump(), "name": "Author"}))
        quiet = await Functions.get_function_by_id("quiet")
        Functions.update_function_valves_by_id("quiet", {"a": 1})
        await Functions.update_user_valves_by_id_and_user_id("quiet", user["id"], {"b": 2})
        adder = ToolTable.get_tool_by_id("adder")
        return [
            writer.params.model_dump(), writer.meta.description, writer.base_model_id, Models.get_model_by_id("none"),
            Models.get_model_by_id("writer").name, [entry.id for entry in await Models.get_base_models()],
            quiet.type, quiet.is_active, await Functions.get_function_valves_by_id("quiet"),
            Functions.get_user_valves_by_id_and_user_id("quiet", user["id"]),
            [entry.id for entry in Functions.get_functions_by_type("filter")],
            adder.specs[0]["name"], adder.name, [entry.id for entry in ToolTable.get_tools()],
            request.app.state.MODELS["writer"]["name"],
        ]
        """
    result = await run_in_plugin(ada, model, code, imports=imports)
    assert result[:6] == [{"n": 1, "model_controls": {}}, "w", MODEL_ID, None, "Author", []]
    assert result[6:10] == ["filter", False, {"a": 1}, {"b": 2}]
    assert "quiet" in result[10]
    assert result[11:] == ["add", "Adder", ["adder"], "Author"]


async def test_other_records_are_created_through_their_operations(ada: Person, bob: Person, model: QueuedModel) -> None:
    imports = """
        from open_webui.models.folders import FolderForm, Folders
        from open_webui.models.groups import GroupForm, Groups
        from open_webui.models.knowledge import KnowledgeForm, Knowledges
        from open_webui.models.notes import NoteForm, Notes, NoteUpdateForm
        from open_webui.models.prompts import PromptForm, Prompts
        from open_webui.models.skills import SkillForm, Skills
        from open_webui.models.tags import Tags
        from open_webui.models.memories import Memories
        from open_webui.models.feedbacks import FeedbackForm, Feedbacks
        from open_webui.models.access_grants import AccessGrants
        """
    code = f"""
        folder = Folders.insert_new_folder(user["id"], FolderForm(name="Work"))
        group = await Groups.insert_new_group(user["id"], GroupForm(name="Team", description="t"))
        Groups.add_users_to_group(group.id, ["{bob.id}"])
        knowledge = Knowledges.insert_new_knowledge(user["id"], KnowledgeForm(name="Facts", description="f"))
        note = await Notes.insert_new_note(user["id"], NoteForm(title="Idea", data={{"content": {{"md": "x"}}}}))
        Notes.update_note_by_id(note.id, NoteUpdateForm(title="Better"))
        prompt = Prompts.insert_new_prompt(user["id"], PromptForm(command="hi", name="Hi", content="Say hi"))
        skill = Skills.insert_new_skill(user["id"], SkillForm(id="cook", name="Cook", content="Stir"))
        feedback = Feedbacks.insert_new_feedback(user["id"], FeedbackForm(type="rating", data={{"rating": 1}}))
        Tags.ensure_tags_exist(["Big Thing"], user["id"])
        return [
            folder.name, Folders.get_folder_by_id_and_user_id(folder.id, user["id"]).id == folder.id,
            group.name, Groups.get_group_user_ids_by_id(group.id),
            [entry.name for entry in Groups.get_groups_by_member_id("{bob.id}")],
            knowledge.description, Knowledges.get_knowledge_by_id(knowledge.id).name,
            Notes.get_note_by_id(note.id).title, prompt.command, Prompts.get_prompt_by_id(prompt.id).content,
            skill.content, [entry.id for entry in await Skills.get_skills(user["id"])], feedback.data["rating"],
            Tags.get_tag_by_name_and_user_id("Big Thing", user["id"]).id,
            AccessGrants.has_access("{bob.id}", "knowledge", knowledge.id),
            await Memories.get_memories_by_user_id(user["id"]),
        ]
        """
    assert await run_in_plugin(ada, model, code, imports=imports) == [
        *["Work", True, "Team", [bob.id], ["Team"], "f", "Facts", "Better", "hi", "Say hi", "Stir", ["cook"], 1],
        *["big_thing", False, []],
    ]
