"""The object store answers real clients as S3 does, and what it acknowledged survives a power cut."""

import asyncio
import hashlib
import xml.etree.ElementTree as ET
import zlib

import aiohttp
import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from windtunnel.base.errors import StorageError
from windtunnel.batteries.http import HttpServer, Request, parse_head
from windtunnel.batteries.objects import ObjectStore, serve
from windtunnel.batteries.objects.api import Refused, decode_chunks
from windtunnel.sim import World

MIB = 1 << 20


@pytest.fixture
def s3(tmp_path, run_really):
    """A boto3 client of a store on real loopback; `s3.directory` is where it keeps its files."""

    async def start():
        server = HttpServer(ObjectStore(tmp_path / "objects"))
        await server.start("127.0.0.1", 0)
        return server

    running = run_really(start)
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{running.server.port}",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )
    client.directory = tmp_path / "objects"
    client.create_bucket(Bucket="stuff")
    yield client
    client.close()


def refused(code, call, **arguments):
    """The call fails with that code."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code


def test_objects_with_boto3(s3):
    """Put, get, head, ranges, metadata, copy, delete, with the entity tags of S3."""
    tag = f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert s3.put_object(Bucket="stuff", Key="a/ü b", Body=b"hello", ContentType="text/plain", Metadata={"k": "v"})["ETag"] == tag
    got = s3.get_object(Bucket="stuff", Key="a/ü b")
    assert (got["Body"].read(), got["ETag"], got["ContentType"], got["Metadata"]) == (b"hello", tag, "text/plain", {"k": "v"})
    assert s3.head_object(Bucket="stuff", Key="a/ü b")["ContentLength"] == 5
    for wanted, part in (
        ("bytes=1-2", b"el"),
        ("bytes=3-", b"lo"),
        ("bytes=-2", b"lo"),
        ("bytes=0-99", b"hello"),
        ("lines=1", b"hello"),
    ):
        assert s3.get_object(Bucket="stuff", Key="a/ü b", Range=wanted)["Body"].read() == part
    refused("InvalidRange", s3.get_object, Bucket="stuff", Key="a/ü b", Range="bytes=5-")
    s3.copy_object(Bucket="stuff", Key="copy", CopySource={"Bucket": "stuff", "Key": "a/ü b"})
    assert s3.get_object(Bucket="stuff", Key="copy")["Metadata"] == {"k": "v"}
    s3.delete_object(Bucket="stuff", Key="copy")
    s3.delete_object(Bucket="stuff", Key="copy")
    refused("NoSuchKey", s3.get_object, Bucket="stuff", Key="copy")
    refused("404", s3.head_object, Bucket="stuff", Key="copy")
    refused("NoSuchBucket", s3.get_object, Bucket="other", Key="copy")
    refused("KeyTooLongError", s3.put_object, Bucket="stuff", Key="k" * 1025, Body=b"")
    s3.put_object(Bucket="stuff", Key="k" * 1024, Body=b"")


def test_buckets_with_boto3(s3):
    """Created, listed, deleted when empty; names are checked."""
    refused("BucketAlreadyOwnedByYou", s3.create_bucket, Bucket="stuff")
    refused("InvalidBucketName", s3.create_bucket, Bucket="a..b")
    s3.create_bucket(Bucket="other")
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["stuff", "other"]
    s3.put_object(Bucket="other", Key="x", Body=b"")
    refused("BucketNotEmpty", s3.delete_bucket, Bucket="other")
    assert s3.delete_objects(Bucket="other", Delete={"Objects": [{"Key": "x"}, {"Key": "y"}]})["Deleted"] == [
        {"Key": "x"},
        {"Key": "y"},
    ]
    s3.delete_bucket(Bucket="other")
    refused("404", s3.head_bucket, Bucket="other")
    s3.get_bucket_location(Bucket="stuff")


def test_listings_with_boto3(s3):
    """Pages, prefixes, delimiters, in the order of bytes, by both versions of the call."""
    keys = ["a", "b/1", "b/2", "b/c/3", "d", "é", "z\nz"]
    for key in keys:
        s3.put_object(Bucket="stuff", Key=key, Body=key.encode())
    for name in ("list_objects_v2", "list_objects"):
        for size in (1, 2, 1000):
            pages = s3.get_paginator(name).paginate(Bucket="stuff", PaginationConfig={"PageSize": size})
            assert [row["Key"] for page in pages for row in page.get("Contents", [])] == sorted(keys, key=str.encode)
            pages = list(s3.get_paginator(name).paginate(Bucket="stuff", Delimiter="/", PaginationConfig={"PageSize": size}))
            assert [row["Key"] for page in pages for row in page.get("Contents", [])] == ["a", "d", "z\nz", "é"]
            assert [row["Prefix"] for page in pages for row in page.get("CommonPrefixes", [])] == ["b/"]
    found = s3.list_objects_v2(Bucket="stuff", Prefix="b/", Delimiter="/", StartAfter="b/1")
    assert [row["Key"] for row in found["Contents"]] == ["b/2"]
    assert [row["Prefix"] for row in found["CommonPrefixes"]] == ["b/c/"]
    assert found["KeyCount"] == 2


def test_conditions_with_boto3(s3):
    """Compare and swap on entity tags; conditional reads."""
    tag = s3.put_object(Bucket="stuff", Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    refused("PreconditionFailed", s3.put_object, Bucket="stuff", Key="k", Body=b"2", IfNoneMatch="*")
    refused("PreconditionFailed", s3.put_object, Bucket="stuff", Key="k", Body=b"2", IfMatch='"other"')
    refused("NoSuchKey", s3.put_object, Bucket="stuff", Key="none", Body=b"2", IfMatch=tag)
    second = s3.put_object(Bucket="stuff", Key="k", Body=b"2", IfMatch=tag)["ETag"]
    refused("304", s3.get_object, Bucket="stuff", Key="k", IfNoneMatch=second)
    refused("PreconditionFailed", s3.get_object, Bucket="stuff", Key="k", IfMatch=tag)
    modified = s3.head_object(Bucket="stuff", Key="k")["LastModified"]
    refused("304", s3.get_object, Bucket="stuff", Key="k", IfModifiedSince=modified)
    assert s3.get_object(Bucket="stuff", Key="k", IfUnmodifiedSince=modified)["Body"].read() == b"2"
    refused("PreconditionFailed", s3.copy_object, Bucket="stuff", Key="c", CopySource="stuff/k", CopySourceIfMatch=tag)


@pytest.mark.slow
def test_uploads_in_parts_with_boto3(s3):
    """Parts, in any order, replaced, listed, completed to one object with a compound tag; errors by their codes; abort."""
    upload = s3.create_multipart_upload(Bucket="stuff", Key="big", Metadata={"a": "b"})["UploadId"]
    rest = {"Bucket": "stuff", "Key": "big", "UploadId": upload}
    first, last = b"x" * (5 * MIB), b"tail"
    tags = {n: s3.upload_part(**rest, PartNumber=n, Body=body)["ETag"] for n, body in ((2, b"replaced"), (1, first), (2, last))}
    parts = [{"PartNumber": n, "ETag": tags[n]} for n in (1, 2)]
    assert [part["Size"] for part in s3.list_parts(**rest)["Parts"]] == [len(first), len(last)]
    assert [row["UploadId"] for row in s3.list_multipart_uploads(Bucket="stuff")["Uploads"]] == [upload]
    refused("InvalidPartOrder", s3.complete_multipart_upload, **rest, MultipartUpload={"Parts": parts[::-1]})
    refused("InvalidPart", s3.complete_multipart_upload, **rest, MultipartUpload={"Parts": [{"PartNumber": 3, "ETag": "x"}]})
    refused("InvalidArgument", s3.upload_part, **rest, PartNumber=10001, Body=b"")
    done = s3.complete_multipart_upload(**rest, MultipartUpload={"Parts": parts})
    digests = b"".join(hashlib.md5(body).digest() for body in (first, last))
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    got = s3.get_object(Bucket="stuff", Key="big")
    assert got["Body"].read() == first + last
    assert got["Metadata"] == {"a": "b"}
    refused("NoSuchUpload", s3.complete_multipart_upload, **rest, MultipartUpload={"Parts": parts})
    small = s3.create_multipart_upload(Bucket="stuff", Key="small")["UploadId"]
    rest = {"Bucket": "stuff", "Key": "small", "UploadId": small}
    tags = [s3.upload_part(**rest, PartNumber=n, Body=b"x")["ETag"] for n in (1, 2)]
    parts = [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]
    refused("EntityTooSmall", s3.complete_multipart_upload, **rest, MultipartUpload={"Parts": parts})
    s3.abort_multipart_upload(**rest)
    assert len([path for path in (s3.directory / "stuff").iterdir() if path.name[0] in "up"]) == 0


def test_files_uploaded_by_boto3s_own_manager(s3, tmp_path):
    """upload_file and download_file, which choose parts by themselves."""
    (tmp_path / "in").write_bytes(bytes(range(256)) * 40_000)
    s3.upload_file(str(tmp_path / "in"), "stuff", "file")
    s3.download_file("stuff", "file", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()


def answer(store, method, path, body=b"", **headers):
    """A response without a network; underscores in names of headers stand for hyphens."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    request = parse_head(f"{method} {path} HTTP/1.1\r\nHost: h\r\n{lines}\r\n".encode())
    request.body = body
    return store(request)


def code(response):
    return ET.fromstring(response.body).findtext("Code")


def test_checksums_are_checked(tmp_path):
    """Contents that differ from the MD5, CRC32 or SHA-256 that came with them are refused, and nothing is stored."""
    store = ObjectStore(tmp_path)
    answer(store, "PUT", "/stuff")
    for header in ("content_md5", "x_amz_checksum_crc32", "x_amz_checksum_sha1", "x_amz_checksum_sha256"):
        assert code(answer(store, "PUT", "/stuff/k", b"x", **{header: "AAAAAA=="})) == "BadDigest"
        assert code(answer(store, "PUT", "/stuff/k", b"x", **{header: "?"})) == "InvalidDigest"
    assert code(answer(store, "PUT", "/stuff/k", b"x", x_amz_content_sha256="0" * 64)) == "XAmzContentSHA256Mismatch"
    assert code(answer(store, "GET", "/stuff/k")) == "NoSuchKey"
    good = hashlib.sha256(b"x").hexdigest()
    assert answer(store, "PUT", "/stuff/k", b"x", x_amz_content_sha256=good).status == 200


def test_wrong_requests_are_errors_with_codes(tmp_path):
    """Methods that do not exist, documents that are none, ids that are not known."""
    store = ObjectStore(tmp_path)
    answer(store, "PUT", "/stuff")
    assert code(answer(store, "PATCH", "/stuff/k")) == "MethodNotAllowed"
    assert code(answer(store, "POST", "/stuff")) == "MethodNotAllowed"
    assert code(answer(store, "PUT", "/")) == "MethodNotAllowed"
    assert code(answer(store, "POST", "/stuff?delete", b"<x")) == "MalformedXML"
    assert code(answer(store, "POST", "/stuff?delete", b"<Other/>")) == "MalformedXML"
    assert code(answer(store, "POST", "/stuff?delete", b"<Delete/>")) == "MalformedXML"
    assert code(answer(store, "PUT", "/stuff/k?partNumber=1&uploadId=none", b"x")) == "NoSuchUpload"
    assert (
        code(answer(store, "PUT", "/stuff/k", b"x", x_amz_content_sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER"))
        == "IncompleteBody"
    )


@given(parts=st.lists(st.binary(min_size=1, max_size=30), max_size=5))
def test_chunks_of_the_sdks_are_decoded(parts):
    """Signed or not, with a trailer."""
    framed = b"".join(b"%x;chunk-signature=%064x\r\n%b\r\n" % (len(part), 1, part) for part in parts)
    body, trailers = decode_chunks(framed + b"0\r\nx-amz-checksum-crc32:abc=\r\n\r\n")
    assert body == b"".join(parts)
    assert trailers == {"x-amz-checksum-crc32": "abc="}


@given(st.binary(max_size=60))
def test_noise_in_chunks_is_refused(data):
    """Whatever the bytes: contents or an error response."""
    try:
        body, _ = decode_chunks(data)
    except Refused:
        return
    assert len(body) < len(data)


@settings(max_examples=80, deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    path=st.sampled_from(
        ["/", "/stuff", "/stuff/k", "/stuff/", "//", "/stuff/k/", "/..", "/stuff/../x", "/stuff/%00", "/stuff/%ff"]
    ),
    query=st.lists(
        st.sampled_from(
            ["delete", "uploads", "uploadId=x", "partNumber=x", "list-type=2", "max-keys=0", "max-keys=x", "continuation-token=?"]
        ),
        max_size=3,
    ),
    headers=st.dictionaries(
        st.sampled_from(
            ["range", "if-match", "if-none-match", "if-modified-since", "x-amz-copy-source", "content-md5", "content-encoding"]
        ),
        st.sampled_from(["", "*", "bytes=-0", "bytes=9-1", "x", "aws-chunked", "stuff/k", "Sat, 01 Jan 2000 00:00:00 GMT"]),
        max_size=3,
    ),
    body=st.sampled_from([b"", b"x", b"<Delete><Object><Key>k</Key></Object></Delete>", b"<!DOCTYPE x><Delete/>"]),
)
def test_any_request_has_a_response(tmp_path_factory, method, path, query, headers, body):
    """No combination of what clients send makes the store raise; errors are documents with a code."""
    store = ObjectStore(tmp_path_factory.mktemp("fuzz"))
    answer(store, "PUT", "/stuff")
    answer(store, "PUT", "/stuff/k", b"0123456789")
    request = Request(method, path, headers, body, path=path, query={q.partition("=")[0]: q.partition("=")[2] for q in query})
    response = store(request)
    assert response.status in range(200, 500)
    if response.status >= 400:
        assert code(response)


# --- Durability ---


def test_a_restart_finds_everything(tmp_path):
    """Objects, their headers, uploads under way; what was being written is cleaned up; damage is refused."""
    store = ObjectStore(tmp_path)
    answer(store, "PUT", "/stuff")
    answer(store, "PUT", "/stuff/k", b"hello", content_type="text/plain")
    upload = ET.fromstring(answer(store, "POST", "/stuff/up?uploads").body).findtext("{*}UploadId")
    answer(store, "PUT", f"/stuff/up?partNumber=1&uploadId={upload}", b"part")
    (tmp_path / "stuff" / "oX.tmp").write_bytes(b"half")
    (tmp_path / "stuff" / "p0000-00001").write_bytes((tmp_path / "stuff" / f"p{upload}-00001").read_bytes())
    again = ObjectStore(tmp_path)
    found = answer(again, "GET", "/stuff/k")
    assert (found.body, found.headers["content-type"]) == (b"hello", "text/plain")
    tag = hashlib.md5(b"part").hexdigest()
    done = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>"
    assert answer(again, "POST", f"/stuff/up?uploadId={upload}", done.encode()).status == 200
    assert answer(again, "GET", "/stuff/up").body == b"part"
    assert sorted(path.name[0] for path in (tmp_path / "stuff").iterdir()) == ["o", "o"]
    path = again.store.buckets["stuff"].get("k").path
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    assert code(answer(again, "GET", "/stuff/k")) == "InternalError"
    with pytest.raises(StorageError, match="not what was written"):
        ObjectStore(tmp_path)


async def put_until_crash(world, versions):
    """Overwrite one object again and again, cut the power at some time; the version that is there afterwards."""
    store = world.host("s3", main=lambda: serve(port=9000, directory="/data", buckets=("stuff",)))
    acknowledged = 0
    async with world.client("writer"):
        await asyncio.sleep(1.0)

        async def write():
            nonlocal acknowledged
            async with httpx.AsyncClient(base_url="http://s3:9000", timeout=5) as client:
                for version in range(1, versions + 1):
                    (await client.put("/stuff/k", content=b"%d" % version * 1000)).raise_for_status()
                    acknowledged = version

        writing = asyncio.ensure_future(write())
        await asyncio.sleep(world.seed * 0.004)
        before = acknowledged
        store.crash()
        writing.cancel()
        store.restart()
        await asyncio.sleep(1.0)
        async with httpx.AsyncClient(base_url="http://s3:9000") as client:
            response = await client.get("/stuff/k")
    if response.status_code == 404:
        assert before == 0
        return 0
    version = int(response.text[: len(response.text) // 1000])
    assert response.text == str(version) * 1000
    assert before <= version <= before + 1
    return version


def test_what_was_acknowledged_survives_a_power_cut():
    """In the tunnel: after a crash at any time there is the last acknowledged version, whole, or the one after it."""
    found = set()
    for seed in range(1, 25):
        world = World(seed)
        found.add(world.run(put_until_crash, world, 30))
    assert len(found) > 5


def test_a_deleted_object_stays_deleted():
    """In the tunnel: an acknowledged deletion survives every power cut."""

    async def scenario(world):
        store = world.host("s3", main=lambda: serve(port=9000, directory="/data", buckets=("stuff",)))
        async with world.client("writer"), httpx.AsyncClient(base_url="http://s3:9000") as client:
            await asyncio.sleep(1.0)
            await client.put("/stuff/k", content=b"x")
            assert (await client.delete("/stuff/k")).status_code == 204
            store.crash()
            store.restart()
            await asyncio.sleep(1.0)
            async with httpx.AsyncClient(base_url="http://s3:9000") as again:
                return (await again.get("/stuff/k")).status_code

    for seed in range(12):
        world = World(seed)
        assert world.run(scenario, world) == 404


def test_aiohttp_in_the_tunnel_meets_a_full_disk():
    """A full disk is a 500 with the reason; the old object stays; when there is space again, writes go on."""

    async def scenario(world):
        store = world.host("s3", main=lambda: serve(port=9000, directory="/data", buckets=("stuff",)))
        async with world.client("writer"):
            await asyncio.sleep(1.0)
            async with aiohttp.ClientSession("http://s3:9000") as session:

                async def put(data):
                    async with session.put("/stuff/k", data=data) as response:
                        return response.status, await response.text()

                assert (await put(b"one"))[0] == 200
                store.files.full = True
                status, text = await put(b"two")
                assert status == 500
                assert "No space left" in text
                async with session.get("/stuff/k") as response:
                    assert await response.read() == b"one"
                store.files.repair()
                assert (await put(b"three"))[0] == 200
                async with session.get("/stuff/k") as response:
                    return await response.read()

    world = World(1)
    assert world.run(scenario, world) == b"three"


def test_crc32_of_a_trailer_is_checked(tmp_path):
    """The trailer that boto3 sends by default counts like a header."""
    store = ObjectStore(tmp_path)
    answer(store, "PUT", "/stuff")
    import base64

    for crc, status in ((zlib.crc32(b"hello"), 200), (1, 400)):
        trailer = base64.b64encode(crc.to_bytes(4, "big"))
        body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + trailer + b"\r\n\r\n"
        response = answer(store, "PUT", "/stuff/k", body, content_encoding="aws-chunked", x_amz_trailer="x-amz-checksum-crc32")
        assert response.status == status
