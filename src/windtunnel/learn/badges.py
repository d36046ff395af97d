"""Certificates as Open Badges 3.0: a credential signed with the learner's own key, checked without a network.

The credential is an `OpenBadgeCredential` of the W3C data model 2.0, as a JWT (`alg` EdDSA). Its issuer is a `did:key`: the
identifier is the public key, so the file alone is enough to check the signature. Its `evidence` is a hash over the records
of the log that the rule counted.

What that proves is little, and `verify` says so: nobody has changed the file since the holder of that key signed it, and the
holder has (or had) a log whose records have that hash. It does not prove who holds the key, nor that the log is honest.

Sources: 1EdTech, Open Badges Specification 3.0, section 8.2 (JSON Web Token proof format); W3C, Verifiable Credentials Data
Model 2.0; W3C CCG, The did:key Method 0.7; RFC 7515, 8032, 8037.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from windtunnel import __version__
from windtunnel.base.errors import UsageError
from windtunnel.learn.home import made
from windtunnel.learn.progress import Evidence, Progress, canonical, content_hash
from windtunnel.learn.rules import Judgement

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FILE = "key.ed25519"
CONTEXT = ("https://www.w3.org/ns/credentials/v2", "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json")
BYTES_MAX = 1 << 20
"""A badge is a few kilobytes; what is larger is none."""
ED25519 = b"\xed\x01"
"""The multicodec prefix of an Ed25519 public key."""
_SPACE = uuid.UUID("5c7a0b52-9d38-5f0b-8e52-0c6f2f6f4e11")
"""Name space of the identifiers of credentials: the same evidence gives the same one."""
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

PROVES = (
    "nobody has changed this file since the holder of the key signed it",
    "the evidence had this hash when it was signed",
)
PROVES_NOT = (
    "who holds the key: the learner signs for themselves",
    "that the evidence is honest: its owner could have written it by hand",
)


class Missing(UsageError):  # noqa: N818 - reads as an adjective
    """The extra that certificates need is not installed."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found. `valid` says whether the signature and all forms are right, `why` what is not."""

    valid: bool
    why: str
    title: str = ""
    issuer: str = ""
    issued: str = ""
    name: str = ""
    evidence_hash: str = ""
    records: int = 0
    credential: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The finding as JSON, with what it proves, which is nothing unless it is valid, and what it does not."""
        names = ("valid", "why", "title", "issuer", "issued", "name", "evidence_hash", "records", "credential")
        return {name: getattr(self, name) for name in names} | {
            "proves": list(PROVES) if self.valid else [],
            "proves_not": list(PROVES_NOT),
        }


# --- Keys ---


def key(home: Path) -> Ed25519PrivateKey:
    """The learner's key, made at its first use with mode 0600. Raises UsageError for a file that is no such key."""
    ed25519, serialization = _cryptography()
    file = made(home) / KEY_FILE
    if not file.exists():
        fresh = ed25519.Ed25519PrivateKey.generate()
        text = fresh.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        try:
            _write_once(file, text)
        except OSError as error:
            raise UsageError(f"cannot write {file}: {error.strerror}") from None
    try:
        found = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{file} is not an Ed25519 key ({error}); move it away, and a new one is made") from None
    if not isinstance(found, ed25519.Ed25519PrivateKey):
        raise UsageError(f"{file} is not an Ed25519 key; move it away, and a new one is made")
    return cast("Ed25519PrivateKey", found)


def _write_once(file: Path, data: bytes) -> None:
    """Make the file whole, for its owner only, unless another process has made it meanwhile."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def did_of(public: bytes) -> str:
    """The did:key of a public key of 32 bytes."""
    return f"did:key:z{_base58(ED25519 + public)}"


def public_of(did: str) -> bytes:
    """The public key in a did:key. Raises ValueError for another method or another kind of key."""
    if not did.startswith("did:key:z"):
        raise ValueError(f"the issuer is {did[:60]!r}, not a did:key: it cannot be checked without a network")
    data = _from_base58(did.removeprefix("did:key:z"))
    if data[:2] != ED25519 or len(data) != 34:
        raise ValueError("the issuer's key is not an Ed25519 key")
    return data[2:]


# --- Issuing ---


def evidence_hash(records: Iterable[Evidence]) -> str:
    """The hash that stands for some records: over the hashes that they had where they were written, sorted."""
    return content_hash("\n".join(sorted({e.origin or e.hash for e in records})))


def counted(judgement: Judgement, progress: Progress) -> tuple[Evidence, ...]:
    """The records that carry a judgement: the first one that passed each item."""
    first: dict[str, Evidence] = {}
    for e in progress.evidence:
        if e.item in judgement.items and (e.passed or e.kind == "upload"):
            first.setdefault(e.item, e)
    return tuple(first.values())


def credential(judgement: Judgement, progress: Progress, *, issuer: str, at: dt.datetime, name: str = "") -> dict[str, Any]:
    """The OpenBadgeCredential for a rule that holds. Raises UsageError for one that does not."""
    if not judgement.holds:
        lacking = "; ".join(f"{p.label}: {p.have} of {p.need}" for p in judgement.parts if not p.holds)
        raise UsageError(f"the certificate {judgement.rule.id} is not earned yet: {lacking}")
    records = counted(judgement, progress)
    digest = evidence_hash(records)
    rule = judgement.rule
    lines = [f"{e.item} {e.origin or e.hash}" for e in records]
    subject: dict[str, Any] = {
        "type": ["AchievementSubject"],
        "id": issuer,
        "achievement": {
            "id": f"urn:windtunnel:certificate:{rule.id}",
            "type": ["Achievement"],
            "name": f"windtunnel: {rule.title}",
            "description": f"The evidence in the learner's log meets the rule of the certificate {rule.title}.",
            "criteria": {"narrative": "; ".join(f"{p.label}: {p.need} of {p.of}" for p in judgement.parts)},
            "achievementType": "Certificate",
        },
    }
    if name:
        subject["identifier"] = [{"type": "IdentityObject", "identityHash": name, "identityType": "name", "hashed": False}]
    return {
        "@context": list(CONTEXT),
        "id": f"urn:uuid:{uuid.uuid5(_SPACE, f'{issuer} {rule.id} {digest}')}",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": f"windtunnel: {rule.title}",
        "issuer": {"id": issuer, "type": ["Profile"], "name": "a learner, for themselves, with windtunnel"},
        "validFrom": at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "credentialSubject": subject,
        "evidence": [
            {
                "id": f"urn:sha256:{digest}",
                "type": ["Evidence"],
                "name": f"{len(records)} records of progress.jsonl",
                "narrative": "\n".join(lines),
                "description": f"SHA-256 over the sorted hashes of the records. Proves that hash, not an identity. "
                f"windtunnel {__version__}",
                "genre": "hash",
            }
        ],
    }


def issue(judgement: Judgement, progress: Progress, home: Path, *, at: dt.datetime, name: str = "") -> str:
    """The signed badge, one line. Raises UsageError when the rule does not hold, Missing without the extra."""
    private = key(home)
    did = did_of(private.public_key().public_bytes_raw())
    made_for = credential(judgement, progress, issuer=did, at=at, name=name)
    return signed(made_for, private, did)


def signed(credential: Mapping[str, Any], private: Ed25519PrivateKey, did: str) -> str:
    """A credential as a JWT."""
    header = {"alg": "EdDSA", "typ": "JWT", "kid": f"{did}#{did.removeprefix('did:key:')}"}
    valid_from = dt.datetime.fromisoformat(credential["validFrom"])
    claims = {
        **credential,
        "iss": did,
        "sub": credential["credentialSubject"]["id"],
        "jti": credential["id"],
        "nbf": int(valid_from.timestamp()),
    }
    head, body = _encoded(canonical(header)), _encoded(canonical(claims))
    return f"{head}.{body}.{_encoded(private.sign(f'{head}.{body}'.encode()))}"


# --- Verifying ---


def verify(text: str | bytes, now: dt.datetime) -> Verified:
    """Check a badge without a network. Never raises for what the badge holds, only Missing without the extra."""
    ed25519, _ = _cryptography()
    try:
        return _verified(text.decode("ascii") if isinstance(text, bytes) else text, ed25519, now)
    except UnicodeDecodeError:
        return Verified(valid=False, why="this is not a badge: expected text in ASCII (a JWT)")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        return Verified(valid=False, why=str(error) or type(error).__name__)


def _verified(text: str, ed25519: Any, now: dt.datetime) -> Verified:
    parts = text.strip().split(".")
    if len(text) > BYTES_MAX or len(parts) != 3:
        raise ValueError("this is not a badge: expected three parts with dots between them (a JWT)")
    head, claims = _object(parts[0], "header"), _object(parts[1], "content")
    if head.get("alg") != "EdDSA":
        raise ValueError(f"the header says alg {head.get('alg')!r}; expected 'EdDSA'")
    issuer = claims.get("issuer")
    did = issuer.get("id") if isinstance(issuer, dict) else issuer
    if not isinstance(did, str) or claims.get("iss") != did:
        raise ValueError("the issuer of the credential and of the token are not the same")
    _check_signature(ed25519, public_of(did), f"{parts[0]}.{parts[1]}".encode(), _decoded(parts[2], "signature"))
    return _read(claims, did, now)


def _check_signature(ed25519: Any, public: bytes, message: bytes, signature: bytes) -> None:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra

    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        raise ValueError("the signature does not fit: the file was changed, or another key signed it") from None


def _read(claims: Mapping[str, Any], did: str, now: dt.datetime) -> Verified:
    """What a rightly signed credential says. Raises ValueError for a wrong form or a wrong time."""
    kinds = claims.get("type")
    if not isinstance(kinds, list) or not {"VerifiableCredential", "OpenBadgeCredential"} <= {str(kind) for kind in kinds}:
        raise ValueError("the content is not an OpenBadgeCredential")
    if claims.get("jti") != claims.get("id") or claims.get("sub") != claims["credentialSubject"].get("id"):
        raise ValueError("the claims of the token contradict the credential")
    start = dt.datetime.fromisoformat(str(claims["validFrom"]))
    end = claims.get("validUntil")
    if start > now + dt.timedelta(minutes=5):
        raise ValueError(f"it is valid only from {claims['validFrom']}")
    if end is not None and dt.datetime.fromisoformat(str(end)) < now:
        raise ValueError(f"it was valid until {end}")
    subject = claims["credentialSubject"]
    names = [str(i.get("identityHash", "")) for i in subject.get("identifier", ()) if i.get("identityType") == "name"]
    evidence: Sequence[Mapping[str, Any]] = claims.get("evidence") or ({},)
    return Verified(
        valid=True,
        why="",
        title=str(subject["achievement"]["name"]),
        issuer=did,
        issued=str(claims["validFrom"]),
        name=names[0] if names else "",
        evidence_hash=str(evidence[0].get("id", "")).removeprefix("urn:sha256:"),
        records=len(str(evidence[0].get("narrative", "")).split("\n")),
        credential=claims,
    )


def held(found: Verified, progress: Progress) -> bool:
    """Whether a log has the very records that a badge counts."""
    evidence: Sequence[Mapping[str, Any]] = (found.credential or {}).get("evidence") or ({},)
    wanted = {line.rpartition(" ")[2] for line in str(evidence[0].get("narrative", "")).split("\n")}
    records = [e for e in progress.evidence if (e.origin or e.hash) in wanted]
    return bool(records) and evidence_hash(records) == found.evidence_hash


# --- Encodings ---


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str, what: str) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        raise ValueError(f"the {what} is not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(_decoded(text, what))
    except (ValueError, RecursionError):
        raise ValueError(f"this is not a badge: its {what} is not JSON") from None
    if not isinstance(value, dict):
        raise ValueError(f"this is not a badge: its {what} is not an object")  # noqa: TRY004 - one kind of error for all forms
    return value


def _base58(data: bytes) -> str:
    number, digits = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        digits = _ALPHABET[rest] + digits
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def _from_base58(text: str) -> bytes:
    if len(text) > 64 or any(c not in _ALPHABET for c in text):
        raise ValueError("the issuer's key is not base58")
    number = 0
    for c in text:
        number = number * 58 + _ALPHABET.index(c)
    return b"\0" * (len(text) - len(text.lstrip("1"))) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    except ImportError:
        raise Missing("certificates need the package cryptography: pip install 'windtunnel[badges]'") from None
    return ed25519, serialization
