"""The requests of lists, by the paths of the operations, on the large installation.

A line is a method, a path with its query, and the people who send it: `a` for Ada, the administrator, `b` for Bob.
"""

from __future__ import annotations

from typing import Any, NamedTuple

#: The names in braces are in `PLACES`.
_LINES = """
GET /api/v1/chats/ ab
GET /api/v1/chats/?page=1 ab
GET /api/v1/chats/?page=30 a
GET /api/v1/chats/?page=1&include_pinned=true&include_folders=true ab
GET /api/v1/chats/?page=1&sort_by=title&sort_dir=asc ab
GET /api/v1/chats/?page=1&sort_by=unread_updated_at ab
GET /api/v1/chats/list ab
GET /api/v1/chats/pinned ab
GET /api/v1/chats/archived ab
GET /api/v1/chats/archived?query=garden ab
GET /api/v1/chats/archived?order_by=title&direction=asc b
GET /api/v1/chats/archived/count ab
GET /api/v1/chats/all/archived a
GET /api/v1/chats/all/tags ab
GET /api/v1/chats/shared ab
GET /api/v1/chats/shared?query=4 a
GET /api/v1/chats/shared/{shared_chat}/access a
GET /api/v1/chats/share/{share} a
GET /api/v1/chats/list/user/{bob} a
GET /api/v1/chats/list/user/{bob}?query=garden a
GET /api/v1/chats/list/user/{bob}?order_by=title&direction=asc a
GET /api/v1/chats/folder/folder-small a
GET /api/v1/chats/folder/folder-small/list a
GET /api/v1/chats/folder/folder-large/list a
GET /api/v1/chats/folder/folder-large/list?page=1&sort_by=updated_at a
GET /api/v1/chats/folder/folder-large/list?page=1&sort_by=title a
GET /api/v1/chats/search?text=folder:folder_1 a
GET /api/v1/chats/search?text=folder:folder_0 a
GET /api/v1/chats/search?text=pinned:true ab
GET /api/v1/chats/search?text=archived:true ab
GET /api/v1/chats/search?text=shared:true ab
GET /api/v1/chats/search?text=tag:tag-39 ab
GET /api/v1/chats/search?text=garden ab
GET /api/v1/chats/search?text=nowhereatall a
GET /api/v1/chats/stats/usage ab
GET /api/v1/chats/stats/usage?page=20 a
GET /api/v1/chats/stats/export ab
GET /api/v1/chats/stats/export/{chat} a
GET /api/v1/chats/{chat} a
GET /api/v1/chats/{chat}/pinned a
GET /api/v1/chats/{chat}/tags a
POST /api/v1/chats/tags ab {"name":"tag-39","skip":0,"limit":50}
POST /api/v1/chats/tags ab {"name":"tag-3","skip":0,"limit":50}
GET /api/v1/folders/ ab
GET /api/v1/folders/shared ab
GET /api/v1/folders/folder-large a
GET /api/v1/folders/folder-shared/shared/chats ab
GET /api/v1/folders/folder-shared/shared/chats?page=1&sort_by=updated_at a
GET /api/v1/users/ a
GET /api/v1/users/?order_by=name&direction=asc a
GET /api/v1/users/?order_by=group_id:group-003 a
GET /api/v1/users/?query=garden a
GET /api/v1/users/all a
GET /api/v1/users/search ab
GET /api/v1/users/search?query=garden ab
GET /api/v1/users/usage ab
GET /api/v1/users/usage?days=90 ab
GET /api/v1/users/groups ab
GET /api/v1/users/{bob} a
GET /api/v1/users/{bob}/info a
GET /api/v1/users/{bob}/groups a
GET /api/v1/users/{bob}/preview a
GET /api/v1/users/{bob}/active a
GET /api/v1/users/user/settings a
GET /api/v1/groups/ ab
GET /api/v1/groups/id/group-003 a
GET /api/v1/groups/id/group-003/info b
GET /api/v1/groups/id/group-003/export a
GET /api/v1/groups/id/group-003/members a
GET /api/v1/groups/id/group-003/preview a
POST /api/v1/groups/id/group-003/users a {}
GET /api/v1/analytics/summary a
GET /api/v1/analytics/summary?start_date={week} a
GET /api/v1/analytics/summary?group_id=group-003 a
GET /api/v1/analytics/models a
GET /api/v1/analytics/models?start_date={week} a
GET /api/v1/analytics/users a
GET /api/v1/analytics/users?metric=tokens a
GET /api/v1/analytics/users?start_date={week} a
GET /api/v1/analytics/tokens a
GET /api/v1/analytics/tokens?start_date={week} a
GET /api/v1/analytics/daily a
GET /api/v1/analytics/daily?start_date={week} a
GET /api/v1/analytics/daily?metric=tokens&compare=true&start_date={quarter}&end_date={now} a
GET /api/v1/analytics/daily?granularity=hourly&start_date={week} a
GET /api/v1/analytics/messages?model_id=model-003 a
GET /api/v1/analytics/messages?user_id={ada} a
GET /api/v1/analytics/messages?chat_id={chat} a
GET /api/v1/analytics/models/model-003/chats a
GET /api/v1/analytics/models/model-003/chats?order_by=title&direction=asc a
GET /api/v1/analytics/models/model-003/overview a
GET /api/v1/evaluations/leaderboard a
GET /api/v1/evaluations/leaderboard/model-003/history a
GET /api/v1/evaluations/feedbacks/models a
GET /api/v1/evaluations/feedbacks/all/ids a
GET /api/v1/evaluations/feedbacks/list a
GET /api/v1/evaluations/feedbacks/list?order_by=rating&direction=asc a
GET /api/v1/evaluations/feedbacks/list?model_id=model-003 a
GET /api/v1/evaluations/feedbacks/user ab
GET /api/v1/evaluations/feedback/feedback-0 a
GET /api/v1/files/ ab
GET /api/v1/files/?content=false ab
GET /api/v1/files/count a
GET /api/v1/files/user/count ab
GET /api/v1/files/search?filename=*garden* ab
GET /api/v1/files/search?filename=*garden*&content=false a
GET /api/v1/files/user/search?filename=*garden* ab
GET /api/v1/files/file-00000 a
GET /api/v1/files/file-00000/process/status a
GET /api/v1/knowledge/ ab
GET /api/v1/knowledge/search?query=3 ab
GET /api/v1/knowledge/search/files ab
GET /api/v1/knowledge/search/files?query=garden ab
GET /api/v1/knowledge/knowledge-large a
GET /api/v1/knowledge/knowledge-large/files a
GET /api/v1/knowledge/knowledge-large/files?query=garden a
GET /api/v1/knowledge/knowledge-large/files?directory_id=directory-3 a
GET /api/v1/knowledge/knowledge-large/files/pending a
GET /api/v1/knowledge/knowledge-small/files a
GET /api/v1/memories/ ab
GET /api/v1/models/list ab
GET /api/v1/models/list?query=garden ab
GET /api/v1/models/list?tag=Tag%203 ab
GET /api/v1/models/all a
GET /api/v1/models/base a
GET /api/v1/models/tags ab
GET /api/v1/models/model?id=model-000 ab
GET /api/v1/models/model/history?id=model-000 a
GET /api/v1/notes/ ab
GET /api/v1/notes/?page=1 ab
GET /api/v1/notes/pinned ab
GET /api/v1/notes/search ab
GET /api/v1/notes/search?query=garden ab
GET /api/v1/notes/note-0 a
GET /api/v1/notes/note-5/chats a
GET /api/v1/prompts/ ab
GET /api/v1/prompts/list ab
GET /api/v1/prompts/list?query=garden ab
GET /api/v1/prompts/list?tag=Tag%203 ab
GET /api/v1/prompts/tags ab
GET /api/v1/prompts/id/prompt-000 a
GET /api/v1/prompts/id/prompt-000/history a
GET /api/v1/search?q=garden ab
GET /api/v1/search ab
GET /api/v1/search?q=garden&kind=note a
GET /api/v1/skills/ ab
GET /api/v1/skills/list ab
GET /api/v1/skills/id/skill-000/history a
GET /api/v1/tools/ ab
GET /api/v1/tools/list ab
GET /api/v1/tools/id/tool-000 a
GET /api/v1/tools/id/tool-000/history a
GET /api/v1/functions/ ab
GET /api/v1/functions/list a
GET /api/v1/functions/id/function-000/history a
GET /api/v1/channels/ ab
GET /api/v1/channels/list a
GET /api/v1/automations/list a
GET /api/v1/automations/list?query=garden a
GET /api/v1/automations/automation-3 a
GET /api/v1/automations/automation-3/runs a
GET /api/v1/calendars/ ab
"""


class ListRequest(NamedTuple):
    """A request; `people` are the letters of those who send it, `body` is JSON."""

    method: str
    path: str
    people: str
    body: str

    @property
    def name(self) -> str:
        """The operation as tables of figures show it."""
        return f"{self.method} {self.path.removeprefix('/api/v1/')}{' ' + self.body if self.body else ''}"


def list_requests(installation: Any) -> list[ListRequest]:
    """Return the requests with the ids and times of an installation."""
    places = {
        "{chat}": installation.chat,
        "{shared_chat}": installation.shared_chat,
        "{share}": installation.share,
        "{ada}": installation.users[0],
        "{bob}": installation.users[1],
        "{now}": str(installation.now),
        "{week}": str(installation.now - 7 * 86_400),
        "{quarter}": str(installation.now - 90 * 86_400),
    }
    requests = []
    for line in _LINES.strip().splitlines():
        method, path, people, *body = line.split(" ", 3)
        for place, value in places.items():
            path = path.replace(place, value)
        requests.append(ListRequest(method, path, people, "".join(body)))
    return requests
