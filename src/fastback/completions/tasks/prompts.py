"""What a model is asked for each task, unless the administrator says otherwise."""

from __future__ import annotations

TITLE = """Name the conversation below in at most five words, with one fitting emoji in front.
Write in the language the conversation is mostly held in, plainly, without quotation marks or markup.
Answer with JSON alone: {"title": "📚 Planning a Reading List"}

Conversation:
{{MESSAGES:END:2|middletruncate:4000}}"""

TAGS = """Sort the conversation below into topics: one to three broad ones (such as Science, Cooking, Business), and
up to three narrower ones where they are plain to see. When there is too little to go by, answer "General" alone.
Use the language of the conversation. Answer with JSON alone: {"tags": ["Cooking", "Bread", "Fermentation"]}

Conversation:
{{MESSAGES:END:6|middletruncate:2000}}"""

FOLLOW_UPS = """Suggest three to five things the user of the conversation below may want to ask next, in the user's
own voice: short, concrete, leading on from the last answer, none answered already. Use the language of the
conversation. Answer with JSON alone: {"follow_ups": ["How long does that take?", "Can I do it without an oven?"]}

Conversation:
{{MESSAGES:END:6|middletruncate:2000}}"""

QUERIES = """Decide whether searching would help to answer the last message of the conversation below. If it may, write
one to three short search queries in the language of the conversation, different from each other; if it surely cannot,
none. Today is {{CURRENT_DATE}}. Answer with JSON alone: {"queries": ["first query", "second query"]}

Conversation:
{{MESSAGES:END:6|middletruncate:4000}}"""

AUTOCOMPLETE = """Go on with the text below as its writer would: a few words to a sentence, fitting what stands there,
without repeating it. Where no good continuation offers itself, give an empty one. The text is written for: {{TYPE}}.
Answer with JSON alone: {"text": "the continuation"}

Conversation so far:
{{MESSAGES:END:6|middletruncate:2000}}

Text to continue:
{{prompt}}"""

EMOJI = """Answer with the one emoji that fits the mood of this text best, and nothing else.

{{prompt:middletruncate:2000}}"""

IMAGE_PROMPT = """Write a prompt for an image model out of the conversation below: describe the picture that the last
message asks for, its subject, surroundings, light, style and mood, in English.
Answer with JSON alone: {"prompt": "…"}

Conversation:
{{MESSAGES:END:6|middletruncate:4000}}"""

MERGE = """Several models answered the same question. Write the one answer that joins what is right in them: leave out
what is doubtful or said twice, settle contradictions by the better reason, do not mention the models.

The question: {{prompt}}

Their answers:
{{responses}}"""

COMPACTION = """A conversation has become too long for its model: its older part is going to be replaced by your summary,
and the assistant goes on from there. Write down whatever it then still needs: what was decided and what is preferred or
ruled out, facts, names, numbers and files in their exact words, what tools brought to light, where the work stands, what
is open and what comes next. Take in what the earlier summary holds and still matters. Add nothing of your own, leave out
what leads nowhere, and write in the language of the conversation. Answer with the summary alone.

Earlier summary:
{{PREVIOUS_SUMMARY}}

Messages that are going to be replaced:
{{COMPACTED_MESSAGES}}

Messages that stay:
{{RECENT_MESSAGES}}"""

TOOL_CALLS = """Choose the tools that help to answer the query, from this list of their definitions:
{{TOOLS}}

Answer with JSON alone: {"tool_calls": [{"name": "name_of_tool", "parameters": {"name_of_parameter": "value"}}]}
Give each parameter a value that its definition allows. When no tool helps: {"tool_calls": []}"""
