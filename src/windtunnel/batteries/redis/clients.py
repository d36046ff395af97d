"""Commands on connections: greeting, transactions, publish and subscribe, replication, the server itself."""

from __future__ import annotations

from typing import Any

from windtunnel.batteries.redis.commands import BLOCKED, COMMANDS, SYNTAX, Call, command, integer
from windtunnel.batteries.redis.keys import glob
from windtunnel.batteries.redis.keyspace import now_ms
from windtunnel.batteries.redis.session import Replies, Session
from windtunnel.batteries.resp import NULL_ARRAY, Error

VERSION = "7.0.0"


def _word(text: bytes) -> str:
    return text.decode(errors="surrogateescape")


# --- Greeting ---


@command("PING", -1, while_subscribed=True)
def _ping(call: Call, *message: bytes) -> Any:
    if len(message) > 1:
        raise Error("ERR wrong number of arguments for 'ping' command")
    if call.session.version == 2 and call.session.subscriptions():
        return [b"pong", message[0] if message else b""]
    return message[0] if message else "PONG"


@command("ECHO", 2)
def _echo(_call: Call, message: bytes) -> bytes:
    return message


@command("SELECT", 2)
def _select(call: Call, index: bytes) -> str:
    number = integer(index)
    if not 0 <= number < len(call.server.databases):
        raise Error("ERR DB index is out of range")
    call.session.db = number
    return "OK"


@command("AUTH", -2)
def _auth(_call: Call, *_arguments: bytes) -> str:
    raise Error(
        "ERR AUTH <password> called without any password configured for the default user. "
        "Are you sure your configuration is correct?"
    )


@command("HELLO", -1, in_transaction=False)
def _hello(call: Call, *arguments: bytes) -> dict[bytes, Any]:
    version = call.session.version
    if arguments:
        version = integer(arguments[0], "ERR Protocol version is not an integer or out of range")
        if version not in {2, 3}:
            raise Error("NOPROTO unsupported protocol version")
    i = 1
    while i < len(arguments):
        word = arguments[i].upper()
        if word == b"AUTH" and i + 2 < len(arguments):
            i += 3  # there is one user, without a password
        elif word == b"SETNAME" and i + 1 < len(arguments):
            call.session.name = arguments[i + 1]
            i += 2
        else:
            raise Error(f"ERR Syntax error in HELLO option '{_word(arguments[i])}'")
    call.session.version = version
    role = b"master" if call.server.primary is None else b"replica"
    return {
        b"server": b"redis",
        b"version": VERSION.encode(),
        b"proto": version,
        b"id": call.session.id,
        b"mode": b"standalone",
        b"role": role,
        b"modules": [],
    }


@command("QUIT", -1, in_transaction=False, while_subscribed=True)
def _quit(call: Call, *_arguments: bytes) -> str:
    call.session.close()
    return "OK"


@command("RESET", 1, in_transaction=False, while_subscribed=True)
def _reset(call: Call) -> str:
    session = call.session
    session.discard()
    for table, names in ((call.server.channels, session.channels), (call.server.patterns, session.patterns)):
        for name in list(names):
            call.server.unsubscribe(session, table, names, name)
    session.version, session.db, session.name = 2, 0, b""
    return "RESET"


@command("CLIENT", -2)
def _client(call: Call, word: bytes, *arguments: bytes) -> Any:
    match word.upper():
        case b"ID":
            return call.session.id
        case b"GETNAME":
            return call.session.name or None
        case b"SETNAME" if len(arguments) == 1:
            if any(not 33 <= c <= 126 for c in arguments[0]):
                raise Error("ERR Client names cannot contain spaces, newlines or special characters.")
            call.session.name = arguments[0]
            return "OK"
        case b"SETINFO" if len(arguments) == 2:
            return "OK"
        case b"NO-EVICT" | b"NO-TOUCH" if len(arguments) == 1:
            return "OK"
        case b"INFO":
            return _described(call.session)
        case b"LIST":
            return b"\n".join(_described(session) for session in call.server.sessions) + b"\n"
        case b"KILL" if len(arguments) == 2 and arguments[0].upper() == b"ID":
            for session in list(call.server.sessions):
                if session.id == integer(arguments[1]):
                    session.close()
                    return 1
            return 0
    raise Error(f"ERR unknown subcommand or wrong number of arguments for '{_word(word)}'. Try CLIENT HELP.")


def _described(session: Session) -> bytes:
    peer = session.transport.get_extra_info("peername") if session.transport else None
    address = f"{peer[0]}:{peer[1]}" if peer else ""
    line = f"id={session.id} addr={address} name={_word(session.name)} db={session.db} sub={len(session.channels)}"
    return f"{line} psub={len(session.patterns)} multi={-1 if session.queued is None else len(session.queued)}".encode()


# --- Transactions ---


@command("MULTI", 1, in_transaction=False)
def _multi(call: Call) -> str:
    if call.session.queued is not None:
        raise Error("ERR MULTI calls can not be nested")
    call.session.queued = []
    return "OK"


@command("EXEC", 1, in_transaction=False)
def _exec(call: Call) -> Any:
    session = call.session
    queued, failed, spoiled = session.queued, session.failed, session.spoiled
    if queued is None:
        raise Error("ERR EXEC without MULTI")
    session.discard()
    if failed:
        raise Error("EXECABORT Transaction discarded because of previous errors.")
    return NULL_ARRAY if spoiled else call.server.transaction(session, queued)


@command("DISCARD", 1, in_transaction=False)
def _discard(call: Call) -> str:
    if call.session.queued is None:
        raise Error("ERR DISCARD without MULTI")
    call.session.discard()
    return "OK"


@command("WATCH", -2, in_transaction=False)
def _watch(call: Call, *keys: bytes) -> str:
    if call.session.queued is not None:
        raise Error("ERR WATCH inside MULTI is not allowed")
    call.session.watch(keys)
    return "OK"


@command("UNWATCH", 1)
def _unwatch(call: Call) -> str:
    call.session.unwatch()
    return "OK"


# --- Publish and subscribe ---


def _subscribed(call: Call, names: tuple[bytes, ...], *, pattern: bool) -> Replies:
    session = call.session
    table = call.server.patterns if pattern else call.server.channels
    mine = session.patterns if pattern else session.channels
    for name in names:
        table.setdefault(name, {})[session] = None
        mine[name] = None
        session.push(b"psubscribe" if pattern else b"subscribe", name, session.subscriptions())
    return Replies()


def _unsubscribed(call: Call, names: tuple[bytes, ...], *, pattern: bool) -> Replies:
    session = call.session
    table = call.server.patterns if pattern else call.server.channels
    mine = session.patterns if pattern else session.channels
    word = b"punsubscribe" if pattern else b"unsubscribe"
    for name in names or list(mine):
        call.server.unsubscribe(session, table, mine, name)
        session.push(word, name, session.subscriptions())
    return Replies()


@command("SUBSCRIBE", -2, while_subscribed=True, in_transaction=False)
def _subscribe(call: Call, *names: bytes) -> Replies:
    return _subscribed(call, names, pattern=False)


@command("PSUBSCRIBE", -2, while_subscribed=True, in_transaction=False)
def _psubscribe(call: Call, *names: bytes) -> Replies:
    return _subscribed(call, names, pattern=True)


@command("UNSUBSCRIBE", -1, while_subscribed=True, in_transaction=False)
def _unsubscribe(call: Call, *names: bytes) -> Replies:
    if not names and not call.session.channels:
        call.session.push(b"unsubscribe", None, call.session.subscriptions())
    return _unsubscribed(call, names, pattern=False)


@command("PUNSUBSCRIBE", -1, while_subscribed=True, in_transaction=False)
def _punsubscribe(call: Call, *names: bytes) -> Replies:
    if not names and not call.session.patterns:
        call.session.push(b"punsubscribe", None, call.session.subscriptions())
    return _unsubscribed(call, names, pattern=True)


@command("PUBLISH", 3)
def _publish(call: Call, channel: bytes, message: bytes) -> int:
    count = 0
    for session in call.server.channels.get(channel, ()):
        session.push(b"message", channel, message)
        count += 1
    for pattern, sessions in call.server.patterns.items():
        if glob(pattern).fullmatch(channel):
            for session in sessions:
                session.push(b"pmessage", pattern, channel, message)
                count += 1
    if call.server.primary is None:
        call.server.replication.feed(call.db.index, call.arguments)
    return count


@command("PUBSUB", -2)
def _pubsub(call: Call, word: bytes, *arguments: bytes) -> Any:
    match word.upper():
        case b"CHANNELS":
            matches = glob(arguments[0] if arguments else b"*").fullmatch
            return [name for name in call.server.channels if matches(name)]
        case b"NUMSUB":
            return [part for name in arguments for part in (name, len(call.server.channels.get(name, ())))]
        case b"NUMPAT":
            return len(call.server.patterns)
    raise Error(f"ERR unknown subcommand '{_word(word)}'. Try PUBSUB HELP.")


# --- Replication ---


@command("REPLICAOF SLAVEOF", 3, in_transaction=False)
def _replicaof(call: Call, host: bytes, port: bytes) -> str:
    if (host.upper(), port.upper()) == (b"NO", b"ONE"):
        call.server.replication.promote()
    else:
        number = integer(port, "ERR Invalid master port")
        if not 0 < number < 65536:
            raise Error("ERR Invalid master port")
        call.server.replication.follow(_word(host), number)
    return "OK"


@command("ROLE", 1)
def _role(call: Call) -> list[Any]:
    replication = call.server.replication
    if replication.primary is None:
        replicas = [[_peer(s), b"%d" % s.listening_port, b"%d" % (s.acknowledged or 0)] for s in replication.replicas()]
        return [b"master", replication.offset, replicas]
    host, port = replication.primary
    state = b"connect" if replication.link is None else b"connected" if replication.link.synced else b"sync"
    return [b"slave", host.encode(), port, state, replication.offset]


def _peer(session: Session) -> bytes:
    peer = session.transport.get_extra_info("peername") if session.transport else None
    return str(peer[0]).encode() if peer else b"?"


@command("WAIT", 3)
def _wait(call: Call, count: bytes, timeout: bytes) -> Any:
    server, needed, timeout_ms = call.server, integer(count), integer(timeout, "ERR timeout is not an integer or out of range")
    if server.primary is not None:
        raise Error(
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 replicas are read only."
        )
    if timeout_ms < 0:
        raise Error("ERR timeout is negative")
    offset = server.replication.offset

    def having() -> int:
        return server.replication.having(offset)

    if having() >= needed or call.session.executing:
        return having()
    waiter = server.block(call, [], timeout_ms / 1000, lambda _call: having() if having() >= needed else None, having)
    server.waiting_for_replicas[waiter] = None
    server.replication.ask()
    return BLOCKED


@command("PSYNC", 3, in_transaction=False)
def _psync(call: Call, stream_id: bytes, offset: bytes) -> Replies:
    server = call.server
    if server.primary is not None and (server.replication.link is None or not server.replication.link.synced):
        raise Error("NOMASTERLINK Can't SYNC while not connected with my master")
    server.replication.serve(call.session, _word(stream_id), integer(offset))
    return Replies()


@command("REPLCONF", -3, in_transaction=False)
def _replconf(call: Call, word: bytes, value: bytes, *_rest: bytes) -> Any:
    if word.upper() == b"ACK":
        call.server.replication.acknowledged(call.session, integer(value))
        return Replies()
    if word.lower() == b"listening-port":
        call.session.listening_port = integer(value)
    return "OK"


# --- The server ---


@command("TIME", 1)
def _time(_call: Call) -> list[bytes]:
    now = now_ms()
    return [b"%d" % (now // 1000), b"%d" % (now % 1000 * 1000)]


@command("COMMAND", -1)
def _command(_call: Call, *words: bytes) -> Any:
    word = words[0].upper() if words else b""
    if word == b"COUNT":
        return len(COMMANDS)
    if word == b"DOCS":
        return {}
    names = [name.upper() for name in words[1:]] if word == b"INFO" else sorted(COMMANDS)
    return [[c.name.encode(), c.arity, [], 0, 0, 0] if (c := COMMANDS.get(name)) else NULL_ARRAY for name in names]


def _settings(call: Call) -> dict[bytes, bytes]:
    log = call.server.log
    return {
        b"appendonly": b"no" if log is None else b"yes",
        b"appendfsync": b"everysec" if log is None else log.policy.encode(),
        b"databases": b"%d" % len(call.server.databases),
        b"maxmemory": b"0",
        b"save": b"",
        b"replica-lag-ms": b"%d" % round(call.server.replication.lag_s * 1000),
    }


@command("CONFIG", -2)
def _config(call: Call, word: bytes, *arguments: bytes) -> Any:
    settings = _settings(call)
    match word.upper():
        case b"GET" if arguments:
            found = [glob(argument.lower()).fullmatch for argument in arguments]
            return {name: value for name, value in settings.items() if any(matches(name) for matches in found)}
        case b"SET" if arguments and len(arguments) % 2 == 0:
            for name, value in zip(arguments[::2], arguments[1::2], strict=True):
                _change_setting(call, name.lower(), value.lower())
            return "OK"
        case b"RESETSTAT":
            return "OK"
    raise Error(f"ERR unknown subcommand or wrong number of arguments for '{_word(word)}'. Try CONFIG HELP.")


def _change_setting(call: Call, name: bytes, value: bytes) -> None:
    log = call.server.log
    if name == b"appendfsync" and log is not None and value in {b"always", b"everysec", b"no"}:
        log.policy = value.decode()  # type: ignore[assignment]
    elif name == b"replica-lag-ms":
        call.server.replication.lag_s = integer(value) / 1000
    elif _settings(call).get(name) != value:
        raise Error(f"ERR CONFIG SET failed - can't set config '{_word(name)}' to '{_word(value)}' on this server")


@command("INFO", -1)
def _info(call: Call, *sections: bytes) -> bytes:
    server, replication = call.server, call.server.replication
    lines: dict[str, dict[str, Any]] = {
        "Server": {"redis_version": VERSION, "redis_mode": "standalone", "tcp_port": server.port},
        "Clients": {"connected_clients": len(server.sessions)},
        "Persistence": {
            "loading": 0,
            "aof_enabled": int(server.log is not None),
            "aof_last_write_status": "ok" if server.log is None or server.log.failed is None else "err",
        },
        "Replication": {"role": "master" if replication.primary is None else "slave"},
        "Keyspace": {
            f"db{db.index}": f"keys={len(db.values)},expires={len(db.ends)},avg_ttl=0" for db in server.databases if db.values
        },
    }
    about = lines["Replication"]
    if replication.primary is not None:
        host, port = replication.primary
        up = replication.link is not None and replication.link.synced
        about |= {"master_host": host, "master_port": port, "master_link_status": "up" if up else "down"}
        about["slave_repl_offset"] = replication.offset
    about["connected_slaves"] = len(replication.replicas())
    for i, session in enumerate(replication.replicas()):
        offset = session.acknowledged or 0
        about[f"slave{i}"] = f"ip={_word(_peer(session))},port={session.listening_port},state=online,offset={offset},lag=0"
    about |= {"master_replid": replication.id, "master_repl_offset": replication.offset}
    wanted = {_word(section).lower() for section in sections} - {"all", "default", "everything"}
    shown = [(name, rows) for name, rows in lines.items() if not wanted or name.lower() in wanted]
    parts = [f"# {name}\r\n" + "".join(f"{key}:{value}\r\n" for key, value in rows.items()) for name, rows in shown]
    return "\r\n".join(parts).encode()


@command("BGREWRITEAOF", 1)
def _bgrewriteaof(call: Call) -> str:
    if call.server.log is None:
        raise Error("ERR this server keeps no append-only file")
    try:
        call.server.log.flush()
        call.server.log.rewrite(call.server.snapshot())
    except OSError as error:
        raise Error(f"ERR cannot rewrite the append-only file: {error.strerror}") from error
    return "Background append only file rewriting started"


@command("SAVE BGSAVE", -1)
def _save(_call: Call, *_arguments: bytes) -> str:
    raise Error("ERR no snapshots on this server: its persistence is the append-only file; see BGREWRITEAOF")


@command("SHUTDOWN", -1, in_transaction=False)
def _shutdown(call: Call, *words: bytes) -> Replies:
    if any(word.upper() not in {b"SAVE", b"NOSAVE", b"NOW", b"FORCE"} for word in words):
        raise Error(SYNTAX)
    call.server.stop()
    return Replies()
