"""Certificates: issued from evidence, signed, checked without a network; what is changed is refused."""

import base64
import datetime as dt
import json

import pytest

from windtunnel import learn
from windtunnel.base.errors import UsageError
from windtunnel.learn import badges, bundle
from windtunnel.learn.rules import Requirement, Rule, World, judge

pytest.importorskip("cryptography")

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
RULE = Rule("toy", "Toy", (Requirement("labs", group="labs", all=True),))
WORLD = World(frozenset({"lab:retry", "lab:saga"}), {"labs": ["lab:*"]})


@pytest.fixture
def journal(tmp_path):
    """The log of a learner who has passed both labs."""
    journal = learn.Journal(tmp_path / "home")
    journal.add("lab:retry", "lab", "failed", "aa")
    journal.add("lab:retry", "lab", "passed", "aa", "bb")
    journal.add("lab:saga", "lab", "passed", "cc", "dd")
    journal.add("lab:saga", "lab", "passed", "cc", "ee")
    return journal


def token_of(journal, name=""):
    progress = journal.read()
    return badges.issue(judge(RULE, progress.passed(), WORLD), progress, journal.home, at=NOW, name=name)


def part(token, number):
    text = token.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


# --- Issuing ---


def test_a_badge_is_an_open_badge_that_names_its_evidence(journal):
    """Open Badges 3.0: types, achievement, did:key issuer, and the hash over the first record that passed each item."""
    claims = part(token_of(journal, "Ada"), 1)
    assert part(token_of(journal), 0)["alg"] == "EdDSA"
    assert claims["@context"][0] == "https://www.w3.org/ns/credentials/v2"
    assert claims["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    assert claims["iss"] == claims["issuer"]["id"]
    assert claims["iss"].startswith("did:key:z6Mk")
    assert claims["sub"] == claims["credentialSubject"]["id"]
    assert claims["validFrom"] == "2026-01-02T03:04:05Z"
    records = [journal.read().evidence[i] for i in (1, 2)]
    assert claims["evidence"][0]["id"] == f"urn:sha256:{badges.evidence_hash(records)}"
    assert claims["credentialSubject"]["identifier"][0]["identityHash"] == "Ada"


def test_the_same_evidence_gives_the_same_identifier(journal):
    """Issuing twice makes no second achievement; more evidence of the same items changes nothing."""
    first = part(token_of(journal), 1)["id"]
    journal.add("lab:retry", "lab", "passed", "aa", "ff")
    assert part(token_of(journal), 1)["id"] == first


def test_what_is_not_earned_is_not_issued(journal):
    """The refusal says what is missing, and no key is made."""
    judgement = judge(RULE, ["lab:saga"], WORLD)
    with pytest.raises(UsageError, match="not earned yet: labs: 1 of 2"):
        badges.credential(judgement, journal.read(), issuer="did:key:z", at=NOW)


def test_the_key_is_made_once_and_for_its_owner_only(journal):
    """Mode 0600; the second badge is signed by the same key."""
    one, two = part(token_of(journal), 1)["iss"], part(token_of(journal), 1)["iss"]
    assert one == two
    assert (journal.home / badges.KEY_FILE).stat().st_mode & 0o777 == 0o600
    (journal.home / badges.KEY_FILE).write_text("nonsense")
    with pytest.raises(UsageError, match="not an Ed25519 key"):
        token_of(journal)


# --- Verifying ---


def test_a_badge_is_verified_and_found_in_the_log(journal, tmp_path):
    """Signature, form, dates; and the records, also in a log that has imported them."""
    found = badges.verify(token_of(journal, "Ada"), NOW)
    assert (found.valid, found.why, found.name, found.records) == (True, "", "Ada", 2)
    assert badges.held(found, journal.read())
    assert not badges.held(found, learn.Journal(tmp_path / "other").read())
    bundle.imported(json.dumps(bundle.exported(journal.home)).encode(), tmp_path / "other")
    assert badges.held(found, learn.Journal(tmp_path / "other").read())


def test_the_finding_says_what_it_does_not_prove(journal):
    """Identity and honesty."""
    found = badges.verify(token_of(journal), NOW).to_json()
    assert any("who holds the key" in line for line in found["proves_not"])
    assert any("hash" in line for line in found["proves"])


def resigned(token, **changes):
    """The token with another content and the old signature."""
    head, _, signature = token.split(".")
    return f"{head}.{encoded(part(token, 1) | changes)}.{signature}"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: resigned(t, name="Doctor"), "signature does not fit"),
        (lambda t: t[:-4] + ("AAAA" if t[-4:] != "AAAA" else "BBBB"), "signature does not fit"),
        (lambda t: f"{encoded({'alg': 'none'})}.{t.split('.')[1]}.", "alg 'none'"),
        (lambda t: f"{encoded({'alg': 'HS256'})}.{t.split('.')[1]}.{t.split('.')[2]}", "alg 'HS256'"),
        (lambda t: t.split(".")[0], "three parts"),
        (lambda t: "", "three parts"),
        (lambda t: "a.b.c", "not JSON"),
        (lambda t: f"{t.split('.')[0]}.{encoded([1])}.{t.split('.')[2]}", "not an object"),
        (lambda t: resigned(t, iss="did:key:z6Mkother"), "issuer"),
        (lambda t: resigned(t, iss="did:web:example.org", issuer={"id": "did:web:example.org"}), "not a did:key"),
        (lambda t: resigned(t, iss="did:key:z0OIl", issuer={"id": "did:key:z0OIl"}), "not base58"),
        (lambda t: resigned(t, iss="did:key:z6Mk", issuer={"id": "did:key:z6Mk"}), "not an Ed25519 key"),
        (lambda t: resigned(t, issuer=None), "issuer"),
        (lambda t: t + "=", "not base64url"),
        (lambda t: "x" * (badges.BYTES_MAX + 1), "three parts"),
        (lambda t: t.encode() + b"\xff", "text in ASCII"),
        (lambda t: encoded({"alg": "EdDSA"}) + "." + "W" * 40_000 + ".", "not JSON"),
    ],
)
def test_what_was_changed_is_invalid_and_why_is_said(journal, change, why):
    """No input makes it fail otherwise."""
    found = badges.verify(change(token_of(journal)), NOW)
    assert not found.valid
    assert why in found.why
    assert found.to_json()["proves"] == []


def signed_with(journal, **changes):
    """A rightly signed token with a strange content."""
    token = token_of(journal)
    claims = part(token, 1) | changes
    private = badges.key(journal.home)
    message = f"{token.split('.')[0]}.{encoded(claims)}"
    return f"{message}.{base64.urlsafe_b64encode(private.sign(message.encode())).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"type": ["VerifiableCredential"]}, "not an OpenBadgeCredential"),
        ({"type": 7}, "not an OpenBadgeCredential"),
        ({"jti": "urn:other"}, "contradict"),
        ({"sub": "urn:other"}, "contradict"),
        ({"validFrom": "2027-01-01T00:00:00Z"}, "valid only from"),
        ({"validUntil": "2025-01-01T00:00:00Z"}, "was valid until"),
        ({"validFrom": "soon"}, "soon"),
        ({"validFrom": "2020-01-01T00:00:00"}, "offset-naive"),
        ({"credentialSubject": {"id": 1}}, "contradict"),
        ({"credentialSubject": None}, "attribute"),
        ({"evidence": "none"}, "attribute"),
    ],
)
def test_a_right_signature_over_a_wrong_content_is_invalid(journal, changes, why):
    """The key is the presenter's own, so its content is not to be trusted either."""
    found = badges.verify(signed_with(journal, **changes), NOW)
    assert not found.valid
    assert why in found.why


def test_did_key_is_the_published_example():
    """The Ed25519 example of the did:key method: the identifier is the key, both ways."""
    did = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
    public = badges.public_of(did)
    assert len(public) == 32
    assert badges.did_of(public) == did


@pytest.mark.campaign
def test_another_library_accepts_the_badge_and_refuses_a_changed_one(journal):
    """openbadgeslib, if it is installed, is the oracle."""
    verifier = pytest.importorskip("openbadgeslib.ob3.verifier")
    token = token_of(journal)
    did = part(token, 1)["iss"]
    accepted = verifier.OB3Verifier.for_issuer_did(did).verify(token, expected_recipient=did)
    assert accepted.achievement.name == "windtunnel: Toy"
    with pytest.raises(verifier.OB3VerificationError):
        verifier.OB3Verifier.for_issuer_did(did).verify(resigned(token, name="Doctor"))
