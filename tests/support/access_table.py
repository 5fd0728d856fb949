"""THE TABLE: every route, and who may do what there. `test_access.py` requests each as every actor."""

from dataclasses import dataclass, field

ANONYMOUS = ("nobody", "visitor", "other visitor")
PEOPLE = ("member", "other member", "reader", "commenter", "editor", "folder reader", "admin", "owner")
KEYS = ("key: transcribe", "key: read", "key: write", "key: admin")
EVERYBODY = (*ANONYMOUS, *PEOPLE, "disabled", *KEYS)
"""Keys are the member's, but for that with the scope admin, which is the admin's. `disabled` is the session
of a user who was disabled."""

READERS = ("reader", "folder reader")

SCOPED = {"transcribe": KEYS[0], "read": KEYS[1], "write": KEYS[2], "admin": KEYS[3]}


@dataclass(frozen=True)
class Rule:
    """What each of `EVERYBODY` is answered: ok, sign in (401), no (403), or not there (404)."""

    answers: dict[str, str] = field(default_factory=dict)

    def but(self, **others: str) -> "Rule":
        """The same, with other answers; `_` stands for a space, `key_` for `key: `."""
        named = {name.replace("key_", "key: ").replace("_", " "): answer for name, answer in others.items()}
        return Rule({**self.answers, **named})


def _rule(everybody: str, *groups: tuple[tuple[str, ...], str]) -> Rule:
    answers = dict.fromkeys(EVERYBODY, everybody)
    for names, answer in groups:
        answers.update(dict.fromkeys(names, answer))
    return Rule(answers)


def _keys(scope: str, answer: str = "ok") -> tuple[tuple[tuple[str, ...], str], ...]:
    """Keys are refused, but for the one with this scope."""
    return (KEYS, "no"), ((SCOPED[scope],), answer)


DISABLED = (("disabled",), "sign in")
OPEN = _rule("ok")
"""For everybody, also where only people with an account may use the appliance."""
PAGE = _rule("ok")
"""A frame without words; a disabled user is a visitor there."""
CLOSED = _rule("not there")
"""For nobody any more, once the first account is made."""

USE = {scope: _rule("ok", DISABLED, *_keys(scope)) for scope in ("transcribe", "read", "write")}
"""Of the appliance, or of what is one's own, whatever that is."""
ANY_USE = _rule("ok", DISABLED)
SIGNED_IN = {
    scope: _rule("ok", (ANONYMOUS, "sign in"), DISABLED, *_keys(scope)) for scope in ("read", "write")
}
PERSON = _rule("ok", (ANONYMOUS, "sign in"), DISABLED, (KEYS, "no"))
"""A user at a page: no key does this."""
KEY_ONLY = _rule("sign in", (KEYS, "ok"))
ADMIN = _rule("no", (ANONYMOUS, "sign in"), DISABLED, (("admin", "owner", "key: admin"), "ok"))
DANGEROUS = ADMIN.but(key_admin="no")
"""Keys are refused, and so are sessions that were not confirmed lately; those of this test just began."""
OWNER = DANGEROUS.but(admin="no")


def thing(
    scope: str,
    *,
    readers: str = "not there",
    commenters: str = "",
    editors: str = "",
    admins: str = "not there",
) -> dict[str, Rule]:
    """Rules of an object, by whose it is: the member's (and shared), a visitor's, nobody's.

    The folder reader reads it because its folder is shared. `commenters`, `editors`: as readers, if empty.
    """
    overseers = ("admin", "owner")
    common = ((overseers, admins), DISABLED)
    return {
        "member": _rule(
            "not there",
            *common,
            (("member",), "ok"),
            (READERS, readers),
            (("commenter",), commenters or readers),
            (("editor",), editors or readers),
            *_keys(scope),
        ),
        "visitor": _rule("not there", *common, (("visitor",), "ok"), *_keys(scope, "not there")),
        "nobody": _rule("ok", DISABLED, *_keys(scope)),
    }


FOLDER = {"member": _rule("not there", DISABLED, (("member",), "ok"), *_keys("write"))}
"""A folder is its owner's alone, also where it is shared."""
RECEIVED_FOLDER = _rule(
    "not there", (ANONYMOUS, "sign in"), DISABLED, (("folder reader",), "ok"), *_keys("read", "not there")
)
TRANSLATED = thing("write", editors="ok")
TRANSLATED = TRANSLATED | {whose: TRANSLATED[whose].but(key_write="no") for whose in ("member", "nobody")}
"""It takes the right to edit and the right to transcribe, which no key of one scope has."""
COMMENTED = thing("write", commenters="ok", editors="ok")
LIVE = {**thing("write"), "nobody": _rule("not there", DISABLED, *_keys("write", "not there"))}
"""A live session is its connection's and its owner's; that of nobody, its connection's alone."""


@dataclass(frozen=True)
class Row:
    """A request, and the rule of who may make it; with rules by owner, `{things}` in its path are theirs."""

    rule: Rule | dict[str, Rule]
    body: object = None
    used_up: bool = False
    """Whether the thing is another one, or gone, after a request that was allowed."""
    may_be_missing: bool = False
    """Whether 404 counts as allowed, because the test has no such object."""


TABLE: dict[str, Row] = {
    # Pages
    "GET /": Row(PAGE),
    "GET /history": Row(PAGE),
    "GET /queue": Row(PAGE),
    "GET /transcripts/{transcript}": Row(PAGE),
    "GET /trust": Row(OPEN),
    "GET /manifest.webmanifest": Row(OPEN),
    "GET /share-worker.js": Row(OPEN),
    "GET /connect": Row(PAGE),
    "GET /connect/curl": Row(PAGE),
    "GET /api/programs/requests": Row(ANY_USE),
    "GET /docs": Row(PAGE),
    "GET /docs/live": Row(PAGE),
    "GET /docs/sockets": Row(PAGE),
    "GET /asyncapi.json": Row(PAGE),
    "GET /docs/swagger-ui.css": Row(PAGE),
    "GET /openapi.json": Row(PAGE),
    "GET /static/any/css/base.css": Row(OPEN),
    "GET /ca.crt": Row(OPEN, may_be_missing=True),
    "GET /health": Row(OPEN),
    "GET /metrics": Row(OPEN),
    "GET /account": Row(PERSON.but(disabled="sign in")),
    # Signing in
    "GET /sign-in": Row(OPEN),
    "GET /sign-in/provider": Row(CLOSED),
    "GET /sign-in/provider/callback": Row(CLOSED),
    "GET /sign-in/provider/signed-out": Row(CLOSED),
    "POST /sign-in/provider/back-channel-logout": Row(CLOSED),
    "GET /api/session": Row(OPEN),
    "POST /api/session": Row(OPEN, {"name": ""}),
    "POST /api/session/passkey/options": Row(OPEN),
    "POST /api/session/passkey": Row(OPEN, {"credential": {}}),
    "POST /api/session/confirm": Row(PERSON, {"password": "wrong"}),
    "DELETE /api/session": Row(ANY_USE, used_up=True),
    "GET /setup": Row(OPEN, may_be_missing=True),
    "POST /api/setup": Row(
        CLOSED, {"token": "x", "name": "x", "password": "x" * 20, "openness": "network"}
    ),
    "GET /first-steps": Row(ADMIN),
    "DELETE /api/first-steps": Row(ADMIN),
    "GET /join/{invitation_token}": Row(OPEN),
    "POST /api/join": Row(OPEN, {"token": "{invitation_token}", "name": "", "password": "x"}),
    "GET /confirm-email/{nothing}": Row(OPEN, may_be_missing=True),
    "POST /api/confirm-email": Row(OPEN, {"token": "x"}, may_be_missing=True),
    "GET /email-confirmed": Row(OPEN),
    # Speech
    "POST /transcribe": Row(USE["transcribe"]),
    "POST /api/uploads": Row(USE["transcribe"]),
    "GET /api/uploads/{nothing}": Row(USE["transcribe"], may_be_missing=True),
    "PATCH /api/uploads/{nothing}": Row(USE["transcribe"], may_be_missing=True),
    "DELETE /api/uploads/{nothing}": Row(USE["transcribe"], may_be_missing=True),
    "POST /asr": Row(USE["transcribe"]),
    "POST /detect-language": Row(USE["transcribe"]),
    "POST /inference": Row(USE["transcribe"]),
    "POST /load": Row(ADMIN, may_be_missing=True),
    "POST /api/remote/inspect": Row(USE["transcribe"], {"url": "https://localhost/talk.mp3"}),
    "POST /v1/audio/transcriptions": Row(USE["transcribe"]),
    "POST /v1/audio/translations": Row(USE["transcribe"]),
    "GET /v1/models": Row(USE["transcribe"]),
    "GET /v1/models/whisper-1": Row(USE["transcribe"]),
    "DELETE /v1/models/missing": Row(ADMIN, may_be_missing=True),
    "GET /api/models": Row(ANY_USE),
    "GET /api/status": Row(ANY_USE),
    "GET /captions/{captions_token}": Row(OPEN),
    "GET /captions/{captions_token}/qr.svg": Row(OPEN),
    "POST /api/live/{live}/captions": Row(LIVE),
    "DELETE /api/live/{live}/captions": Row(LIVE),
    # Realtime: without an upgrade or an offer, 400 for whoever may transcribe
    "GET /v1/realtime": Row(USE["transcribe"]),
    "POST /v1/realtime": Row(USE["transcribe"]),
    "GET /v1/realtime/translations": Row(USE["transcribe"]),
    "POST /v1/realtime/calls": Row(USE["transcribe"]),
    "POST /v1/realtime/client_secrets": Row(USE["transcribe"], {"session": {}}),
    "POST /v1/realtime/translations/client_secrets": Row(USE["transcribe"], {"session": {}}),
    "POST /v1/realtime/transcription_sessions": Row(USE["transcribe"], {}),
    # Without an upgrade, or without a recording, 400 for whoever may transcribe
    "GET /v1/listen": Row(USE["transcribe"]),
    "POST /v1/listen": Row(USE["transcribe"]),
    "GET /vosk": Row(USE["transcribe"]),
    # For keys only; each tool checks the scopes
    "POST /mcp": Row(KEY_ONLY, {"jsonrpc": "2.0", "id": 1, "method": "ping"}),
    # Jobs
    "GET /api/jobs": Row(USE["read"]),
    "GET /api/jobs/{job}": Row(thing("read")),
    "GET /api/jobs/{job}/events": Row(thing("read")),
    "PUT /api/jobs/pause": Row(USE["transcribe"]),
    "DELETE /api/jobs/pause": Row(USE["transcribe"]),
    "POST /api/jobs/{job}/move": Row(thing("transcribe"), {"before": None}),
    "POST /api/jobs/{job}/retry": Row(thing("transcribe"), may_be_missing=True),
    "DELETE /api/jobs/{job}": Row(thing("transcribe", admins="ok")),
    # Transcripts
    "GET /api/transcripts": Row(USE["read"]),
    "POST /api/transcripts/export": Row(USE["read"], {}),
    "POST /api/transcripts/import": Row(USE["write"]),
    "GET /api/transcripts/{transcript}": Row(thing("read", readers="ok")),
    "PATCH /api/transcripts/{transcript}": Row(thing("write", editors="ok"), {"title": "Another"}),
    "DELETE /api/transcripts/{transcript}": Row(thing("write"), used_up=True),
    "POST /api/transcripts/{trashed}/restore": Row(thing("write"), used_up=True),
    "GET /api/transcripts/{transcript}/audio": Row(thing("read", readers="ok")),
    "GET /api/transcripts/{transcript}/video": Row(thing("read", readers="ok")),
    "PATCH /api/transcripts/{transcript}/audio": Row(thing("write"), {"days": 3}),
    "DELETE /api/transcripts/{heard}/audio": Row(thing("write"), used_up=True),
    "GET /api/transcripts/{transcript}/peaks": Row(thing("read", readers="ok")),
    "DELETE /api/transcripts/trash": Row(USE["write"]),
    "GET /api/transcripts/waveforms": Row(USE["read"]),
    "GET /api/transcripts/statistics": Row(USE["read"]),
    "GET /api/library": Row(USE["read"]),
    "POST /api/library/folders": Row(USE["write"], {"name": ""}),
    "PATCH /api/library/folders/{nothing}": Row(USE["write"], {}, may_be_missing=True),
    "DELETE /api/library/folders/{nothing}": Row(USE["write"], may_be_missing=True),
    "GET /api/library/folders/{folder}/shares": Row(FOLDER),
    "POST /api/library/folders/{folder}/shares": Row(
        FOLDER, {"user": "somebody"}
    ),
    "DELETE /api/library/folders/{folder}/shares/{nothing}": Row(FOLDER, may_be_missing=True),
    "DELETE /api/library/shared-folders/{left_folder}": Row({"member": RECEIVED_FOLDER}, used_up=True),
    "PATCH /api/library/tags/{nothing}": Row(USE["write"], {"name": "x"}, may_be_missing=True),
    "DELETE /api/library/tags/{nothing}": Row(USE["write"], may_be_missing=True),
    "POST /api/library/actions": Row(USE["write"], {"action": "favourite", "ids": ["x"]}),
    # Without If-Match, 428 for those who may edit
    "PATCH /api/transcripts/{transcript}/segments": Row(
        thing("write", editors="ok"), {"operations": [{"op": "delete", "segments": []}]}
    ),
    "POST /api/transcripts/{transcript}/undo": Row(thing("write", editors="ok")),
    "POST /api/transcripts/{transcript}/redo": Row(thing("write", editors="ok")),
    "GET /api/transcripts/{transcript}/versions": Row(thing("read", readers="ok")),
    "GET /api/transcripts/{transcript}/versions/0": Row(thing("read", readers="ok")),
    "POST /api/transcripts/{transcript}/versions/0/restore": Row(thing("write", editors="ok")),
    "GET /api/transcripts/{transcript}/changes": Row(thing("read", readers="ok")),
    "GET /api/transcripts/{transcript}/chapters": Row(thing("read", readers="ok")),
    # Without If-Match, 428 for those who may edit
    "PUT /api/transcripts/{transcript}/chapters": Row(thing("write", editors="ok"), {"chapters": []}),
    "GET /api/transcripts/{transcript}/translation": Row(thing("read", readers="ok")),
    # There is no such model: 400 for those who may
    "POST /api/transcripts/{transcript}/translation": Row(TRANSLATED, {"model": "x", "language": "de"}),
    "DELETE /api/transcripts/{transcript}/translation": Row(
        thing("write", editors="ok"), may_be_missing=True
    ),
    "GET /api/transcripts/{transcript}/voices": Row(thing("read", readers="ok")),
    "GET /api/transcripts/{transcript}/notes": Row(thing("read", readers="ok")),
    "POST /api/transcripts/{transcript}/notes": Row(COMMENTED, {"start": 0, "text": "x"}),
    "PUT /api/transcripts/{transcript}/notes/{nothing}": Row(
        COMMENTED, {"start": 0, "text": "x"}, may_be_missing=True
    ),
    "DELETE /api/transcripts/{transcript}/notes/{nothing}": Row(COMMENTED, may_be_missing=True),
    "GET /api/transcripts/{transcript}/shares": Row(thing("write")),
    "POST /api/transcripts/{transcript}/shares": Row(thing("write"), {}, used_up=True),
    "DELETE /api/transcripts/{transcript}/shares/{share}": Row(thing("write"), used_up=True),
    "GET /api/transcripts/shared": Row(USE["read"]),
    "DELETE /api/transcripts/shared/{received}": Row(
        SIGNED_IN["read"].but(member="not there", other_member="not there", admin="not there",
                              owner="not there", key_read="not there"),
        used_up=True,
    ),
    "GET /shared/{link_token}": Row(OPEN),
    "GET /api/shared/{link_token}": Row(OPEN),
    "GET /api/shared/{link_token}/audio": Row(OPEN),
    "GET /api/shared/{link_token}/peaks": Row(OPEN),
    # One's account
    "GET /api/account": Row(SIGNED_IN["read"]),
    "PATCH /api/account": Row(PERSON, {"name": ""}),
    "PUT /api/account/language": Row(PERSON, {"language": "tlh"}),
    "PUT /api/account/model": Row(PERSON, {"model": None}),
    "PUT /api/account/recordings": Row(PERSON, {"days": None}),
    "POST /api/account/password": Row(PERSON, {"old": "wrong", "new": "x"}),
    "GET /account/second-factor": Row(PERSON.but(disabled="sign in")),
    "GET /api/account/second-factor": Row(PERSON),
    "POST /api/account/second-factor": Row(PERSON),
    "POST /api/account/second-factor/activate": Row(PERSON, {"code": "wrong"}),
    "POST /api/account/second-factor/recovery-codes": Row(PERSON),
    "DELETE /api/account/second-factor": Row(PERSON, {"password": "wrong", "code": ""}),
    "GET /api/account/passkeys": Row(PERSON),
    "POST /api/account/passkeys/options": Row(PERSON),
    "POST /api/account/passkeys": Row(PERSON, {"name": "x", "credential": {}}),
    "DELETE /api/account/passkeys/{nothing}": Row(PERSON, may_be_missing=True),
    "GET /api/account/sessions": Row(PERSON),
    "DELETE /api/account/sessions": Row(PERSON),
    "DELETE /api/account/sessions/{nothing}": Row(PERSON, may_be_missing=True),
    "GET /api/account/keys": Row(PERSON),
    "POST /api/account/keys": Row(PERSON, {"name": "", "scopes": ["read"]}),
    "DELETE /api/account/keys/{nothing}": Row(PERSON, may_be_missing=True),
    "GET /api/account/data": Row(PERSON),
    "GET /api/account/webhooks": Row(PERSON),
    "POST /api/account/webhooks": Row(PERSON, {"url": "https://webhook.invalid/"}),
    "POST /api/account/webhooks/{nothing}/test": Row(PERSON, may_be_missing=True),
    "POST /api/account/webhooks/{nothing}/confirmation": Row(PERSON, may_be_missing=True),
    "DELETE /api/account/webhooks/{nothing}": Row(PERSON, may_be_missing=True),
    "GET /api/account/presets": Row(SIGNED_IN["read"]),
    "POST /api/account/presets": Row(SIGNED_IN["write"], {"name": "", "options": {}}),
    "PUT /api/account/presets/{nothing}": Row(
        SIGNED_IN["write"], {"name": "x", "options": {}}, may_be_missing=True
    ),
    "DELETE /api/account/presets/{nothing}": Row(SIGNED_IN["write"], may_be_missing=True),
    "GET /api/account/voices": Row(PERSON),
    "PUT /api/account/voices": Row(PERSON, {"remember": False}),
    "DELETE /api/account/voices/{nothing}": Row(PERSON, may_be_missing=True),
    "DELETE /api/account": Row(PERSON, {"password": "wrong"}),
    # The panel
    **{
        f"GET /admin{place}": Row(ADMIN)
        for place in (
            "", "/overview", "/jobs", "/models", "/users", "/shares", "/audit", "/statistics", "/settings",
            "/certificate", "/logs", "/backups", "/updates",
        )
    },
    "GET /admin/check-updates": Row(ADMIN),
    "GET /api/admin/overview": Row(ADMIN),
    "GET /api/admin/statistics": Row(ADMIN),
    "GET /api/admin/jobs": Row(ADMIN),
    "POST /api/admin/jobs/x/first": Row(ADMIN, may_be_missing=True),
    "DELETE /api/admin/jobs/x": Row(ADMIN, may_be_missing=True),
    "GET /api/admin/workers": Row(ADMIN),
    "POST /api/admin/workers/0123456789abcdef/take-over": Row(ADMIN, {}, may_be_missing=True),
    "GET /api/admin/live": Row(ADMIN),
    "DELETE /api/admin/live/x": Row(ADMIN, may_be_missing=True),
    "GET /api/admin/models": Row(ADMIN),
    "GET /api/admin/model-suggestions": Row(ADMIN),
    "POST /api/admin/model-suggestions": Row(ADMIN, may_be_missing=True),
    "GET /api/admin/models/events": Row(ADMIN),
    "POST /api/admin/models": Row(ADMIN, {}),
    "DELETE /api/admin/models/none": Row(ADMIN, may_be_missing=True),
    "POST /api/admin/models/none/default": Row(ADMIN, may_be_missing=True),
    "POST /api/admin/models/none/download": Row(ADMIN, may_be_missing=True),
    "DELETE /api/admin/models/none/download": Row(ADMIN, may_be_missing=True),
    "POST /api/admin/models/none/load": Row(ADMIN, may_be_missing=True),
    "POST /api/admin/models/none/unload": Row(ADMIN, may_be_missing=True),
    "POST /api/admin/models/none/verify": Row(ADMIN, may_be_missing=True),
    "GET /api/admin/settings": Row(ADMIN),
    "PUT /api/admin/settings/none": Row(ADMIN, {"value": ""}, may_be_missing=True),
    "DELETE /api/admin/settings/none": Row(ADMIN, may_be_missing=True),
    "GET /api/admin/restart": Row(ADMIN),
    "POST /api/admin/restart": Row(ADMIN),
    "GET /api/admin/certificate": Row(ADMIN),
    "PUT /api/admin/certificate/names": Row(DANGEROUS, {"names": ["not a name"]}),
    "PUT /api/admin/certificate/own": Row(DANGEROUS, {"chain": "", "key": ""}),
    "DELETE /api/admin/certificate/own": Row(DANGEROUS, may_be_missing=True),
    "POST /api/admin/certificate/renew": Row(DANGEROUS),
    "GET /api/admin/logs": Row(ADMIN),
    "GET /api/admin/logs/events": Row(ADMIN),
    "GET /api/admin/logs/file": Row(ADMIN, may_be_missing=True),
    "GET /api/admin/support-bundle": Row(ADMIN),
    "GET /api/admin/backups": Row(ADMIN),
    "POST /api/admin/backups": Row(DANGEROUS),
    "GET /api/admin/backups/none": Row(OWNER, may_be_missing=True),
    "GET /api/admin/backup": Row(OWNER),
    "PUT /api/admin/restore": Row(OWNER),
    "DELETE /api/admin/restore": Row(OWNER, may_be_missing=True),
    "GET /api/admin/users": Row(ADMIN),
    "GET /api/admin/users/{user}": Row(ADMIN),
    "PATCH /api/admin/users/{user}": Row(DANGEROUS, {"quota": {}}),
    "POST /api/admin/users/{user}/password": Row(DANGEROUS),
    "DELETE /api/admin/users/{user}/second-factor": Row(DANGEROUS),
    "DELETE /api/admin/users/{user}/sessions": Row(ADMIN),
    "DELETE /api/admin/users/{user}/keys": Row(DANGEROUS),
    "DELETE /api/admin/users/{user}": Row(DANGEROUS, {"name": "wrong"}),
    "POST /api/admin/invitations": Row(DANGEROUS, {}),
    "DELETE /api/admin/invitations/{invitation}": Row(ADMIN, used_up=True),
    "PUT /api/admin/openness": Row(DANGEROUS, {"openness": "network"}),
    "GET /api/admin/shares": Row(ADMIN),
    "DELETE /api/admin/shares/{share}": Row(ADMIN, used_up=True),
    "GET /api/admin/audit": Row(ADMIN),
    "GET /api/admin/audit.csv": Row(ADMIN),
    "GET /api/admin/usage": Row(ADMIN),
    "GET /api/admin/usage.csv": Row(ADMIN),
}  # fmt: skip
