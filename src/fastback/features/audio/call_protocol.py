"""The rules of a call: which commands of the page reach the provider, and what is remembered of the provider's events.

The page never sends settings of the session. It refers to items by ids that the provider has named before.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from fastback.features.audio import call_texts
from fastback.media.speech.gestures import PLAY_ANIMATION, Gesture, build_gesture_functions

Event = dict[str, Any]

#: Samples in a second; each has two bytes. A message of the microphone holds one second at most.
RATE = 24_000
_MAX_MICROPHONE_BYTES = 2 * RATE
#: Transcripts, answers, sounds, calls of functions in one call.
_MAX_ENTRIES = 4096
_MAX_HISTORY, _MAX_MESSAGE_LENGTH, _MAX_HISTORY_LENGTH = 100, 32_000, 64_000
_MAX_REQUEST_LENGTH, _MAX_ANSWER_LENGTH = 32_000, 100_000

_LIMIT_REACHED = "Call limit reached. Start a new call."


class CallRefused(Exception):
    """A message breaks the rules, or the call has to end; the text is for the user."""


class CallProtocol:
    """The state of one call."""

    def __init__(self, gestures: Sequence[Gesture] = ()) -> None:
        self.gesture_functions = build_gesture_functions(gestures)
        self._gesture_names = {gesture["name"] for gesture in gestures}
        #: Requested gestures by the id of their call: the id of the answer, and whether the gesture exists.
        self._animation_calls: dict[str, tuple[str, bool]] = {}
        self._seen_animations: set[str] = set()
        self._animated_responses: set[str] = set()
        self._response_metadata: dict[str, Event] = {}
        self._finished_responses: set[str] = set()
        self._transcripts: set[str] = set()
        self._answered_transcripts: set[str] = set()
        #: Calls of the chat's model: the running ones, and the outcomes that can be spoken.
        self._open_calls: set[str] = set()
        self._outcomes: dict[str, str] = {}
        #: Samples of each sound, by item and content index.
        self._samples: dict[tuple[str, int], int] = {}
        self._history_revision = 0

    # -- events of the provider ---------------------------------------------------------------------------------------

    def observe(self, event: Event) -> Event | None:
        """Remember an event of the provider, and return the event that answers it, or None.

        Raises:
            CallRefused: a limit is reached, or the provider calls an unknown function.
            KeyError, TypeError, ValueError, AttributeError: the event lacks what its type requires.
        """
        reply: Event | None = None
        match event.get("type"):
            case "conversation.item.input_audio_transcription.completed" if event.get("transcript", "").strip():
                self._transcripts.add(event["item_id"])
            case "conversation.item.input_audio_transcription.completed" | (
                "conversation.item.input_audio_transcription.failed"
            ):
                # What the chat does not get must leave the provider's history, too.
                reply = {"type": "conversation.item.delete", "item_id": event["item_id"]}
            case "response.created":
                self._response_metadata[event["response"]["id"]] = event["response"].get("metadata") or {}
            case "response.done":
                self._finished_responses.add(event["response"]["id"])
            case "response.output_item.done":
                self._observe_item(event)
            case "response.output_audio.delta":
                self._observe_sound(event)
        counted = (self._transcripts, self._response_metadata, self._samples, self._open_calls)
        if max(map(len, counted)) > _MAX_ENTRIES:
            raise CallRefused(_LIMIT_REACHED)
        return reply

    def _observe_item(self, event: Event) -> None:
        item = event.get("item") or {}
        if item.get("type") != "function_call" or item.get("status") != "completed":
            return
        if item.get("name") == PLAY_ANIMATION:
            self._observe_gesture(event, item)
            return
        if item.get("name") != call_texts.CHAT_FUNCTION["name"]:
            raise CallRefused("Unexpected voice function")
        arguments = _decode_object(item.get("arguments"))
        request = arguments.get("request") if arguments is not None and set(arguments) == {"request"} else None
        if not isinstance(request, str):
            raise CallRefused("Invalid voice function arguments")
        if not 0 < len(request.strip()) <= _MAX_REQUEST_LENGTH:
            raise CallRefused("Invalid voice function request")
        self._open_calls.add(item["call_id"])

    def _observe_gesture(self, event: Event, item: Event) -> None:
        if item["call_id"] in self._seen_animations:
            return
        if len(self._seen_animations) >= _MAX_ENTRIES:
            raise CallRefused(_LIMIT_REACHED)
        arguments = _decode_object(item.get("arguments"))
        is_valid = arguments is not None and set(arguments) == {"name"} and arguments["name"] in self._gesture_names
        event["animation_valid"] = is_valid  # the page reads it
        self._seen_animations.add(item["call_id"])
        self._animation_calls[item["call_id"]] = event["response_id"], is_valid
        self._animated_responses.add(event["response_id"])

    def _observe_sound(self, event: Event) -> None:
        samples = base64.b64decode(event["delta"], validate=True)
        if len(samples) % 2:
            raise CallRefused("Invalid provider PCM")
        key = event["item_id"], event["content_index"]
        self._samples[key] = self._samples.get(key, 0) + len(samples) // 2

    # -- commands of the page -----------------------------------------------------------------------------------------

    def translate(self, command: Any) -> list[Event]:
        """Return the events that the provider gets for a command of the page.

        Raises:
            CallRefused: the command is unknown, has other fields, or names unknown items.
        """
        if not isinstance(command, dict):
            raise CallRefused("Invalid call command")
        kind, fields = command.get("type"), frozenset(command) - {"type"}
        translate = _COMMANDS.get((kind, fields)) if isinstance(kind, str) else None
        if translate is None:
            raise CallRefused("Unsupported call command")
        try:
            return translate(self, command)
        except (KeyError, TypeError, ValueError):  # an id that is no text, for instance
            raise CallRefused("Invalid call command") from None

    def _pass_microphone(self, command: Event) -> list[Event]:
        samples = base64.b64decode(command["audio"], validate=True)
        if not samples or len(samples) > _MAX_MICROPHONE_BYTES or len(samples) % 2:
            raise CallRefused("Invalid microphone audio")
        return [command]

    def _pass_unchanged(self, command: Event) -> list[Event]:
        return [command]

    def _cancel_response(self, command: Event) -> list[Event]:
        if command["response_id"] not in self._response_metadata:
            raise CallRefused("Unknown response")
        return [command]

    def _truncate_sound(self, command: Event) -> list[Event]:
        samples = self._samples.get((command["item_id"], command["content_index"]))
        end = command["audio_end_ms"]
        if samples is None or type(end) is not int or not 0 <= end <= samples * 1000 // RATE:
            raise CallRefused("Invalid playback position")
        return [command]

    def _replace_history(self, command: Event) -> list[Event]:
        messages = _require_history(command["messages"])
        events: list[Event] = []
        if self._history_revision:
            events.append({"type": "conversation.item.delete", "item_id": f"chat_context_{self._history_revision}"})
        self._history_revision += 1
        text = call_texts.HISTORY_INTRODUCTION + msgspec.json.encode(messages).decode()
        item = {
            "id": f"chat_context_{self._history_revision}",
            "type": "message",
            "role": "system",
            "content": [{"type": "input_text", "text": text}],
        }
        return [*events, {"type": "conversation.item.create", "item": item}]

    def _report_animation(self, command: Event) -> list[Event]:
        pending = self._animation_calls.pop(command["call_id"], None)
        status = command["status"]
        if pending is None or status not in call_texts.ANIMATION_EFFECTS:
            raise CallRefused("Invalid animation result")
        status = status if pending[1] else "unavailable"
        return [_build_output(command["call_id"], status=status, effect=call_texts.ANIMATION_EFFECTS[status])]

    def _speak_after_animation(self, command: Event) -> list[Event]:
        response_id = command["response_id"]
        is_pending = any(pending == response_id for pending, _ in self._animation_calls.values())
        if response_id not in self._animated_responses & self._finished_responses or is_pending:
            raise CallRefused("Animation response is not ready")
        self._animated_responses.remove(response_id)
        names = ("input_item_id", "call_id")
        metadata = {
            name: value for name, value in self._response_metadata.get(response_id, {}).items() if name in names
        }
        # One gesture must not lead to another; the chat's model may still be asked.
        tools = [] if "call_id" in metadata else [call_texts.CHAT_FUNCTION]
        return [_build_response(metadata=metadata, tools=tools, tool_choice="auto" if tools else "none")]

    def _report_result(self, command: Event) -> list[Event]:
        call_id, status, answer = command["call_id"], command["status"], command["answer"]
        if call_id not in self._open_calls:
            raise CallRefused("Unknown or resolved function call")
        if status not in ("completed", "failed", "cancelled", "deferred"):
            raise CallRefused("Invalid function result")
        if not isinstance(answer, str) or len(answer) > _MAX_ANSWER_LENGTH:
            raise CallRefused("Invalid function answer")
        self._open_calls.remove(call_id)
        self._outcomes[call_id] = status
        return [_build_output(call_id, status=status, answer=answer)]

    def _answer_transcript(self, command: Event) -> list[Event]:
        item_id = command["item_id"]
        if item_id not in self._transcripts or item_id in self._answered_transcripts:
            raise CallRefused("Unknown or already answered input")
        self._answered_transcripts.add(item_id)
        return [_build_response(metadata={"input_item_id": item_id})]

    def _speak_result(self, command: Event) -> list[Event]:
        """Let the voice speak a result, once; the page cannot say how."""
        call_id = command["call_id"]
        if call_id not in self._outcomes:
            raise CallRefused("Function result is not ready")
        metadata = {"call_id": call_id}
        if self._outcomes.pop(call_id) == "failed":
            instructions = call_texts.FAILURE_INSTRUCTION
            return [_build_response(tools=[], tool_choice="none", instructions=instructions, metadata=metadata)]
        tools = self.gesture_functions
        return [_build_response(tools=tools, tool_choice="auto" if tools else "none", metadata=metadata)]

    def _speak_status(self, command: Event) -> list[Event]:
        text = call_texts.STATUS_TEXTS.get(command["status"])
        if text is None:
            raise CallRefused("Unsupported call command")
        return [
            _build_response(
                conversation="none",
                input=[],
                tools=[],
                tool_choice="none",
                instructions=f"Say this briefly in the user's language: {text}",
                metadata={"status": command["status"]},
            )
        ]


_Translate = Callable[[CallProtocol, Event], list[Event]]
#: Commands by their type and the names of their other fields.
_COMMANDS: dict[tuple[str, frozenset[str]], _Translate] = {
    (kind, frozenset(fields.split())): translate
    for kind, fields, translate in (
        ("input_audio_buffer.append", "audio", CallProtocol._pass_microphone),
        ("input_audio_buffer.commit", "", CallProtocol._pass_unchanged),
        ("input_audio_buffer.clear", "", CallProtocol._pass_unchanged),
        ("response.cancel", "response_id", CallProtocol._cancel_response),
        ("conversation.item.truncate", "item_id content_index audio_end_ms", CallProtocol._truncate_sound),
        ("bridge.context", "messages", CallProtocol._replace_history),
        ("bridge.animation.result", "call_id status", CallProtocol._report_animation),
        ("bridge.animation.respond", "response_id", CallProtocol._speak_after_animation),
        ("bridge.result", "call_id status answer", CallProtocol._report_result),
        ("bridge.respond", "item_id", CallProtocol._answer_transcript),
        ("bridge.respond", "call_id", CallProtocol._speak_result),
        ("bridge.status", "status", CallProtocol._speak_status),
    )
}


def _decode_object(text: Any) -> Event | None:
    """Return a JSON object; None if the text is something else."""
    try:
        value = msgspec.json.decode(text or "")
    except (msgspec.DecodeError, TypeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _require_history(messages: Any) -> list[Event]:
    if not isinstance(messages, list) or len(messages) > _MAX_HISTORY:
        raise CallRefused("Invalid call history")
    for message in messages:
        if not isinstance(message, dict) or set(message) != {"role", "content"}:
            raise CallRefused("Invalid history message")
        role, content = message["role"], message["content"]
        if role not in ("user", "assistant") or not isinstance(content, str) or len(content) > _MAX_MESSAGE_LENGTH:
            raise CallRefused("Invalid history message")
    if sum(len(message["content"]) for message in messages) > _MAX_HISTORY_LENGTH:
        raise CallRefused("Call history is too large")
    return messages


def _build_output(call_id: str, **output: str) -> Event:
    text = msgspec.json.encode(output).decode()
    item = {"type": "function_call_output", "call_id": call_id, "output": text}
    return {"type": "conversation.item.create", "item": item}


def _build_response(**response: Any) -> Event:
    return {"type": "response.create", "response": response}
