"""Plugins list, count and share chats, and work on trees of messages."""

from __future__ import annotations

from conftest import Person
from plugin_probe import run_in_plugin
from queued_model import MODEL_ID, QueuedModel

IMPORTS = """
    from open_webui.models.chat_messages import ChatMessages
    from open_webui.models.chats import ChatForm, Chats
    from open_webui.models.shared_chats import SharedChats
    from open_webui.models.tags import Tags
    """


def build_document(title: str) -> dict[str, object]:
    question = {"id": "q", "parentId": None, "childrenIds": ["a"], "role": "user", "content": title}
    answer = {"id": "a", "parentId": "q", "childrenIds": [], "role": "assistant", "content": "Hi", "done": True}
    answer["model"] = MODEL_ID
    return {
        "title": title,
        "models": [MODEL_ID],
        "history": {"messages": {"q": question, "a": answer}, "currentId": "a"},
    }


async def add_chats(person: Person, *titles: str) -> list[str]:
    created = [await person.post("/api/v1/chats/new", {"chat": build_document(title)}) for title in titles]
    return [reply.ok()["id"] for reply in created]


async def test_lists_are_filtered_and_leave_internal_chats_out(ada: Person, model: QueuedModel) -> None:
    first, second, third = await add_chats(ada, "Alpha", "Beta", "Gamma 100%")
    code = f"""
        me, ids = user["id"], {[first, second, third]!r}
        await Chats.insert_new_chat(
            "hidden", me, ChatForm(chat={{"title": "Of a subagent"}}),
            internal_meta={{"internal": True, "parent_chat_id": ids[0], "type": "note", "note_id": "n"}},
        )
        await Chats.toggle_chat_pinned_by_id(ids[1])
        def titles(entries):
            return [entry.title for entry in entries]
        by_title = {{"order_by": "title", "direction": "desc"}}
        return [
            titles(await Chats.get_chat_list_by_user_id(me, filter=by_title)),
            titles(Chats.get_chat_list_by_user_id(me, filter={{"query": "100%"}})),
            titles(Chats.get_chats_by_user_id(me, filter={{**by_title, "direction": "asc"}}, limit=2).items),
            Chats.get_chats_by_user_id(me).total, len(Chats.get_chats()),
            titles(Chats.get_chat_title_id_list_by_user_id(me, sort_by="title", sort_dir="asc")),
            titles(Chats.get_chat_title_id_list_by_user_id(me, include_pinned=True, sort_by="title", sort_dir="asc")),
            titles(Chats.get_pinned_chats_by_user_id(me)), Chats.get_internal_chat_ids_by_parent_id(ids[0], me),
            Chats.get_internal_chat_by_note_id("n", me).id, Chats.get_internal_chat_by_note_id("other", me),
            Chats.get_chats_by_model_id("{MODEL_ID}")["total"],
            Chats.get_participant_ids_by_chat_ids([ids[0]]) == {{ids[0]: [me]}},
        ]
        """
    result = await run_in_plugin(ada, model, code, imports=IMPORTS)
    assert result == [
        *[["Gamma 100%", "Beta", "Alpha"], ["Gamma 100%"], ["Alpha", "Beta"], 3, 3, ["Alpha", "Gamma 100%"]],
        *[["Alpha", "Beta", "Gamma 100%"], ["Beta"], ["hidden"], "hidden", None, 3, True],
    ]


async def test_chats_are_counted_by_folder_and_tag(ada: Person, model: QueuedModel) -> None:
    first, second = await add_chats(ada, "Alpha", "Beta")
    folder = (await ada.post("/api/v1/folders/", {"name": "Work"})).ok()["id"]
    code = f"""
        me, first, second, folder = user["id"], "{first}", "{second}", "{folder}"
        for id in (first, second):
            await Chats.update_chat_folder_id_by_id_and_user_id(id, me, folder)
            await Chats.add_chat_tag_by_id_and_user_id_and_tag_name(id, me, "Big Plans")
            Chats.mark_chat_unread_by_id(id, me)  # a change in the second of the last reading does not count
        counts = [
            Chats.count_chats_by_folder_ids_and_user_id([folder], me), Chats.count_all_chats_by_folder_id(folder),
            Chats.count_unread_by_folder_ids(me, [folder]) == {{folder: 2}},
            len(Chats.get_all_chats_by_folder_id(folder)), Chats.count_chats_by_tag_name_and_user_id("Big Plans", me),
            Chats.count_chats_by_tag_ids_and_user_id(["big_plans", "none"], me),
            [entry.title for entry in Chats.get_chat_list_by_user_id_and_tag_name(me, "big plans", limit=1)] != [],
        ]
        (seen_at, was_unread), = [await Chats.update_chat_last_read_at_by_id(first, me)]
        reading = [
            seen_at > 0, was_unread, Chats.mark_chat_unread_by_id(first, me).last_read_at,
            Chats.mark_chats_read_by_folder_ids(me, [folder]), Chats.count_unread_by_folder_ids(me, [folder]),
            Chats.mark_chats_read_by_user_id(me), Chats.update_chat_params_by_id(first, {{"seed": 1}}).chat["params"],
        ]
        await Chats.delete_orphan_tags_for_user(["big_plans"], me)
        remaining = [tag.id for tag in Tags.get_tags_by_user_id(me)]
        await Chats.move_chats_by_folder_id(folder, None)
        moved = Chats.count_chats_by_folder_id_and_user_id(folder, me)
        await Chats.update_chat_folder_id_by_id_and_user_id(first, me, folder)
        deleted = Chats.delete_chats_by_user_id_and_folder_id(me, folder)
        await Chats.delete_orphan_tags_for_user(["big_plans"], me, threshold=1)
        return [
            *counts, *reading, remaining, moved, deleted, [chat.id == second for chat in Chats.get_chats()],
            Tags.get_tags_by_user_id(me),
        ]
        """
    result = await run_in_plugin(ada, model, code, imports=IMPORTS)
    assert result == [
        *[2, 2, True, 2, 2, {"big_plans": 2, "none": 0}, True],
        *[True, True, 0, 2, {}, 2, {"seed": 1}, ["big_plans"], 0, True, [True], []],
    ]


async def test_chats_are_shared(ada: Person, bob: Person, model: QueuedModel) -> None:
    [chat_id] = await add_chats(ada, "Alpha")
    code = f"""
        chat_id, me = "{chat_id}", user["id"]
        bob = await Users.get_user_by_id("{bob.id}")
        shared = await Chats.insert_shared_chat_by_chat_id(chat_id)
        await Chats.update_chat_title_by_id(chat_id, "Renamed")
        before = Chats.get_chat_by_share_id(shared.share_id).title
        await Chats.update_shared_chat_by_chat_id(chat_id)
        share = await SharedChats.get_by_chat_id(chat_id)
        result = [
            share.id == shared.share_id, before, share.title, Chats.get_accessible_chat_by_id(chat_id, bob),
            [entry.title for entry in Chats.get_shared_chat_list_by_user_id(me, {{"query": "NAME"}})],
        ]
        await AccessGrants.grant_access("shared_chat", chat_id, "user", bob.id, "read")
        read = [Chats.get_accessible_chat_by_id(chat_id, bob, permission=name) for name in ("read", "write")]
        await SharedChats.set_share_mode(share.id, "continue")
        written = await Chats.get_accessible_chat_by_id(chat_id, bob, permission="write")
        await Chats.delete_shared_chats_by_user_id(me)
        return [
            *result, [found is not None for found in read], written is not None, SharedChats.get_by_id(share.id),
            Chats.get_chat_by_id(chat_id).share_id,
        ]
        """
    imports = f"""{IMPORTS}
    from open_webui.models.access_grants import AccessGrants
    from open_webui.models.users import Users
    """
    result = await run_in_plugin(ada, model, code, imports=imports)
    assert result == [True, "Alpha", "Renamed", None, ["Renamed"], [False, False], True, None, None]


async def test_trees_of_messages_are_changed_in_memory(ada: Person, model: QueuedModel) -> None:
    code = """
        history = {}
        Chats.upsert_message_to_history(history, "q", {"role": "user", "content": "Hello"})
        Chats.upsert_message_to_history(history, "a", {"parentId": "q", "content": "Hi", "meta": {"voice": 1}})
        Chats.upsert_message_to_history(history, "b", {"parentId": "a", "content": "And?"})
        changed = Chats.upsert_message_to_history(history, "a", {"meta": {"other": 2}})
        roles = [history["messages"][id]["role"] for id in "qab"]
        merged = Chats.merge_history(history, {"messages": {"c": {"parentId": "b"}}, "currentId": "c"})
        deleted = Chats.delete_message_from_history(history, "a")
        return [
            changed["meta"], roles, merged["currentId"], merged["messages"]["b"]["childrenIds"],
            sorted(deleted), history["currentId"], sorted(history["messages"]),
            sorted(Chats.get_unresolved_parent_ids({"x": {"parentId": "y"}, "y": {"parentId": "z"}})),
        ]
        """
    result = await run_in_plugin(ada, model, code, imports=IMPORTS)
    meta = {"voice": 1, "other": 2}
    assert result == [meta, ["user", "assistant", "user"], "c", ["c"], ["a", "b"], "q", ["q"], ["z"]]


async def test_messages_and_ratings_are_summed_up(ada: Person, model: QueuedModel) -> None:
    [chat_id] = await add_chats(ada, "Alpha")
    rating = {"type": "rating", "data": {"rating": 1, "model_id": MODEL_ID}, "meta": {"chat_id": chat_id}}
    (await ada.post("/api/v1/evaluations/feedback", rating)).ok()
    code = f"""
        me, model_id, chat_id = user["id"], "{MODEL_ID}", "{chat_id}"
        usage = {{"input_tokens": 3, "output_tokens": 4}}
        await ChatMessages.upsert_message("a", chat_id, me, {{"role": "assistant", "usage": usage}})
        [first], now = ChatMessages.get_messages_by_model_id(model_id), 2**40
        items = Feedbacks.get_feedback_items({{"model_id": model_id, "order_by": "username"}})
        return [
            ChatMessages.get_analytics_summary()["total_messages"],
            ChatMessages.get_message_count_by_model() == {{model_id: 1}},
            ChatMessages.get_model_analytics()[model_id]["unique_users"],
            ChatMessages.get_token_usage_by_model()[model_id]["total_tokens"],
            ChatMessages.get_user_analytics()[me]["output_tokens"],
            ChatMessages.get_message_count_by_user() == {{me: 1}},
            ChatMessages.get_message_count_by_chat() == {{chat_id: 1}}, ChatMessages.get_chat_ids_by_model_id(model_id),
            ChatMessages.get_chat_ids_by_model_id(model_id, start_date=now),
            ChatMessages.get_user_first_message_created_at(me) > 0,
            ChatMessages.get_user_top_models(me, 1, now)[0]["total_tokens"],
            ChatMessages.has_unfinished_assistant_by_chat_id(chat_id), first.chat_id == chat_id,
            [item.user.name for item in items.items], items.total, Feedbacks.get_distinct_model_ids() == [model_id],
            len(Feedbacks.get_all_feedback_ids()), Feedbacks.get_feedbacks_for_leaderboard()[0].data["rating"],
            Feedbacks.delete_feedback_by_id_and_user_id(items.items[0].id, "nobody"), Feedbacks.delete_all_feedbacks(),
            Feedbacks.delete_all_feedbacks(),
        ]
        """
    imports = f"{IMPORTS}\n    from open_webui.models.feedbacks import Feedbacks\n    "
    result = await run_in_plugin(ada, model, code, imports=imports)
    assert result == [
        *[1, True, 1, 7, 4, True, True, [chat_id], [], True, 7, False, True, ["Ada"], 1, True, 1, 1, False],
        *[True, False],
    ]
