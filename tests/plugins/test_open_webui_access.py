"""Plugins read and change who may do what: lists of users, groups within groups, grants, sessions at providers."""

from __future__ import annotations

from conftest import Person
from plugin_probe import run_in_plugin
from queued_model import QueuedModel

IMPORTS = """
    from open_webui.models.access_grants import AccessGrants, grants_to_access_control
    from open_webui.models.groups import GroupForm, Groups
    from open_webui.models.oauth_sessions import OAuthSessions
    from open_webui.models.users import Users
    """


async def test_users_are_filtered_and_sorted(ada: Person, bob: Person, model: QueuedModel) -> None:
    code = f"""
        async def names(**options):
            found = await Users.get_users(**options)
            return [[person.name for person in found["users"]], found["total"]]
        added = await Users.insert_new_user("lin", "Lin", "lin@example.com", role="pending", oauth={{"oidc": {{}}}})
        group = await Groups.insert_new_group(user["id"], GroupForm(name="Some", description=""))
        await Groups.set_group_user_ids_by_id(group.id, ["{bob.id}"])
        by_name = {{"order_by": "name", "direction": "asc"}}
        return [
            added.role, await names(sort=by_name), await names(sort=by_name, skip=1, limit=1),
            await names(filter={{"query": "A@"}}, sort=by_name),
            await names(filter={{"roles": ["!pending"]}}, sort=by_name), await names(filter={{"roles": ["pending"]}}),
            await names(filter={{"group_ids": [group.id]}}), await names(filter={{"user_ids": [], "group_ids": []}}),
            (await names(sort={{"order_by": f"group_id:{{group.id}}", "direction": "desc"}}))[0],
        ]
        """
    result = await run_in_plugin(ada, model, code, imports=IMPORTS)
    assert result == [
        *["pending", [["Ada", "Bob", "Lin"], 3], [["Bob"], 3], [["Ada"], 1]],
        *[[["Ada", "Bob"], 2], [["Lin"], 1], [["Bob"], 1], [[], 0], ["Bob", "Ada", "Lin"]],
    ]


async def test_a_user_is_found_by_what_others_know_them_by(ada: Person, model: QueuedModel) -> None:
    code = """
        await Users.update_user_oauth_by_id(user["id"], "oidc", 42)
        await Users.update_user_scim_by_id(user["id"], "okta", "x1")
        before = await Users.get_user_api_key_by_id(user["id"])
        kept = Users.update_user_api_key_by_id(user["id"], "sk-own")
        return [
            (await Users.get_user_by_oauth_sub("oidc", "42")).name, Users.get_user_by_oauth_sub("oidc", "43"),
            (await Users.get_user_by_scim_external_id("okta", "x1")).name,
            (await Users.get_scim_users())["total"], (await Users.get_scim_user_by_id(user["id"])).scim,
            before, kept, Users.get_user_by_api_key("sk-own").name,
            Users.delete_user_api_key_by_id(user["id"]), Users.get_user_by_api_key("sk-own"),
        ]
        """
    result = await run_in_plugin(ada, model, code, imports=IMPORTS)
    scim = {"okta": {"external_id": "x1"}}
    assert result == ["Ada", None, "Ada", 1, scim, None, True, "Ada", True, None]


async def test_groups_inherit_members(ada: Person, bob: Person, model: QueuedModel) -> None:
    code = f"""
        grace = "{bob.id}"
        top = await Groups.insert_new_group(grace, GroupForm(name="Top", description=""))
        low = await Groups.insert_new_group(user["id"], GroupForm(name="Low", description="", parent_group_id=top.id))
        await Groups.add_users_to_group(low.id, [grace])
        async def names(**options):
            return sorted(group.name for group in await Groups.get_groups_by_member_id(grace, **options))
        result = [
            top.user_id == grace, await names(), await names(include_inherited=True),
            Groups.get_group_user_ids_by_id(top.id), Groups.get_group_user_ids_by_id(top.id, include_inherited=True),
            Groups.get_group_member_counts_by_ids([top.id, low.id]), len(Groups.get_ancestor_ids(low.id)),
            [group.name for group in Groups.get_groups({{"query": "lo"}})],
            sorted(group.name for group in Groups.get_groups({{"member_id": grace}})),
            Groups.search_groups({{"query": "o"}}, limit=1)["total"],
            [group.name for group in Groups.create_groups_by_group_names(user["id"], ["Low", "New"])],
        ]
        await Groups.sync_groups_by_group_names(grace, ["New", "Unknown"])
        result.append(await names())
        await Groups.remove_user_from_all_groups(grace)
        return [low.id, *result, await names(), Groups.delete_all_groups(), Groups.get_all_groups()]
        """
    low_id, *result = await run_in_plugin(ada, model, code, imports=IMPORTS)
    assert result == [
        *[True, ["Low"], ["Low", "Top"], [], [bob.id], {low_id: 1}, 2, ["Low"], ["Low", "Top"], 2, ["New"]],
        *[["New"], [], True, []],
    ]


async def test_access_is_given_and_taken(ada: Person, bob: Person, model: QueuedModel) -> None:
    note = (await ada.post("/api/v1/notes/create", {"title": "Plan"})).ok()
    code = f"""
        note, grace = ("note", "{note["id"]}"), "{bob.id}"
        grant = await AccessGrants.grant_access(*note, "user", grace, "read")
        again = await AccessGrants.grant_access(*note, "user", grace, "read")
        former = await AccessGrants.get_grants_by_resource(*note)
        result = [
            grant.principal_id == grace, len(former), AccessGrants.get_access_control(*note),
            [person.name for person in AccessGrants.get_users_with_access(*note)],
            AccessGrants.has_anyone_access(*note),
        ]
        await AccessGrants.set_access_control(*note, {{"write": {{"user_ids": [user["id"]]}}}})
        lost = await AccessGrants.get_revoked_user_ids_by_resource(*note, former)
        public = await AccessGrants.set_access_grants(
            *note, [{{"principal_type": "user", "principal_id": "*", "permission": "read"}}, {{"principal_type": "x"}}]
        )
        return [
            *result, lost == {{grace}}, len(public), grants_to_access_control(public),
            AccessGrants.revoke_access(*note, "user", "nobody", "read"),
            AccessGrants.revoke_access(*note, "user", "*", "read"), AccessGrants.revoke_all_access(*note),
            (await AccessGrants.grant_access(*note, "user", grace, "read")).permission,
        ]
        """
    result = await run_in_plugin(ada, model, code, imports=IMPORTS)
    control = {"read": {"group_ids": [], "user_ids": [bob.id]}, "write": {"group_ids": [], "user_ids": []}}
    assert result == [True, 1, control, ["Bob"], False, True, 1, None, False, True, 0, "read"]
    assert (await bob.get(f"/api/v1/notes/{note['id']}")).ok()["title"] == "Plan"


async def test_sessions_at_providers_are_read_and_changed(ada: Person, bob: Person, model: QueuedModel) -> None:
    code = f"""
        session = await OAuthSessions.create_session(user["id"], "oidc", {{"access_token": "a", "expires_at": 99}})
        other = await OAuthSessions.create_session("{bob.id}", "oidc", {{"access_token": "b"}})
        changed = await OAuthSessions.update_session_by_id(session.id, {{"access_token": "c"}})
        newest = OAuthSessions.get_session_by_provider_and_user_id("oidc", user["id"])
        return [
            session.expires_at, session.provider, changed.token, newest.id == session.id,
            [found.token for found in OAuthSessions.get_sessions_by_user_id(user["id"])],
            OAuthSessions.get_session_by_id_and_user_id(other.id, user["id"]), OAuthSessions.get_session_by_id("none"),
            OAuthSessions.delete_session_by_id(other.id), OAuthSessions.delete_session_by_id(other.id),
            OAuthSessions.delete_sessions_by_user_id_and_provider(user["id"], "other"),
            OAuthSessions.delete_sessions_by_provider("oidc"), OAuthSessions.get_sessions_by_user_id(user["id"]),
        ]
        """
    result = await run_in_plugin(ada, model, code, imports=IMPORTS)
    token = {"access_token": "c"}
    assert result == [99, "oidc", token, True, [token], None, None, True, False, False, True, []]
