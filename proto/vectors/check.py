#!/usr/bin/env python3
"""Checks every golden vector in this directory against a second implementation of the protocol.

It follows PROTOCOL.md and reads the schema from ../dht/v1/dht.proto (wire.py); it shares no code with the Rust
crates. Needs Python 3.9 and the packages `blake3` and `cryptography`:

    python3 -m venv venv && venv/bin/pip install blake3 cryptography && venv/bin/python check.py
"""

import ipaddress
import json
import pathlib
import struct
import sys

from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from wire import SCHEMA, Malformed, decode, encode

HERE = pathlib.Path(__file__).parent
unhex = bytes.fromhex


# --- Identities, keys, sealing ------------------------------------------------------------------


def derive(context, data):
    return blake3(data, derive_key_context=context).digest()


def raw(public):
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_of(secret):
    return raw(X25519PrivateKey.from_private_bytes(secret).public_key())


def node_id(public, nonce):
    return derive("dht v1 node id", public + struct.pack("<I", nonce))


def leading_zeros(data):
    return 8 * len(data) - int.from_bytes(data, "big").bit_length()


def shared_key(secret, peer):
    """None if no key is shared."""
    own = public_of(secret)
    try:
        shared = X25519PrivateKey.from_private_bytes(secret).exchange(
            X25519PublicKey.from_public_bytes(peer)
        )
    except ValueError:
        return None
    if own == peer or not any(shared):
        return None
    return derive("dht v1 seal", shared + min(own, peer) + max(own, peer))


def hchacha20(key, head):
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + head))

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            mixed = state[z] ^ state[x]
            state[z] = (mixed << turn | mixed >> (32 - turn)) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, i + 4, i + 8, i + 12)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<8I", *state[:4], *state[12:])


def cipher(key, seal_nonce):
    """ChaCha20-Poly1305 under the sub-key, and its nonce."""
    return ChaCha20Poly1305(hchacha20(key, seal_nonce[:16])), bytes(4) + seal_nonce[16:]


def associated_data(network, sender, seal_nonce, cookie):
    return struct.pack("<II", 1, network) + sender + seal_nonce + cookie


def seal(vector, plaintext, seal_nonce):
    secret = unhex(vector["sender_secret_key"])
    sender = public_of(secret) + struct.pack("<I", vector["sender_nonce"])
    cookie = unhex(vector.get("cookie") or "")
    key = shared_key(secret, public_of(unhex(vector["receiver_secret_key"])))
    aead, nonce = cipher(key, seal_nonce)
    data = associated_data(vector["network"], sender, seal_nonce, cookie)
    ciphertext = aead.encrypt(nonce, plaintext, data)
    sealed = {"sender": sender, "seal_nonce": seal_nonce, "cookie": cookie, "ciphertext": ciphertext}
    return encode("Datagram", {"version": 1, "network": vector["network"], "sealed": sealed})


def open_sealed(secret, datagram, network):
    sealed = parse_datagram(datagram, network)["sealed"]
    key = shared_key(secret, sealed["sender"][:32])
    aead, nonce = cipher(key, sealed["seal_nonce"])
    data = associated_data(
        network, sealed["sender"], sealed["seal_nonce"], sealed.get("cookie", b"")
    )
    return aead.decrypt(nonce, sealed["ciphertext"], data)


def key_of_signed(author, salt):
    return derive("dht v1 signed", author + salt)


# --- Outlines of values -------------------------------------------------------------------------

BLAKE3_IV = struct.unpack(
    "<8I",
    unhex("67e6096a85ae67bb72f36e3c3af54fa57f520e518c68059babd9831f19cde05b"),
)
BLAKE3_ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
PART = 65_536


def compress(chaining, block, counter, flags):
    """The compression function of BLAKE3: the first half of what it gives."""
    m = list(struct.unpack("<16I", block.ljust(64, b"\0")))
    v = [*chaining, *BLAKE3_IV[:4], counter & 0xFFFFFFFF, counter >> 32, len(block), flags]

    def mix(a, b, c, d, x, y):
        for word, first, second in ((x, 16, 12), (y, 8, 7)):
            v[a] = (v[a] + v[b] + word) & 0xFFFFFFFF
            turned = v[d] ^ v[a]
            v[d] = (turned >> first | turned << (32 - first)) & 0xFFFFFFFF
            v[c] = (v[c] + v[d]) & 0xFFFFFFFF
            turned = v[b] ^ v[c]
            v[b] = (turned >> second | turned << (32 - second)) & 0xFFFFFFFF

    for _ in range(7):
        for i in range(4):
            mix(i, 4 + i, 8 + i, 12 + i, m[2 * i], m[2 * i + 1])
        for i in range(4):
            mix(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[8 + 2 * i], m[9 + 2 * i])
        m = [m[i] for i in BLAKE3_ORDER]
    return tuple(v[i] ^ v[8 + i] for i in range(8))


def join(values, flags=0):
    """The chaining value over some neighbours, with `flags` at the top."""
    if len(values) == 1:
        return values[0]
    left = 1 << (len(values) - 1).bit_length() - 1
    block = struct.pack("<16I", *join(values[:left]), *join(values[left:]))
    return compress(BLAKE3_IV, block, 0, PARENT | flags)


def chunk_value(chunk, counter):
    blocks = [chunk[at : at + 64] for at in range(0, len(chunk), 64)]
    chaining = BLAKE3_IV
    for index, block in enumerate(blocks):
        flags = CHUNK_START * (index == 0) | CHUNK_END * (index == len(blocks) - 1)
        chaining = compress(chaining, block, counter, flags)
    return chaining


def chaining_value(index, part):
    """That of the part `index` of a value of several."""
    chunks = [part[at : at + 1_024] for at in range(0, len(part), 1_024)]
    values = [chunk_value(chunk, index * 64 + number) for number, chunk in enumerate(chunks)]
    return struct.pack("<8I", *join(values))


def root_of(chaining_values):
    """The hash of the value with these parts, two or more."""
    return struct.pack("<8I", *join([struct.unpack("<8I", cv) for cv in chaining_values], ROOT))


# --- Signed records -----------------------------------------------------------------------------


def signed_bytes(salt, sequence, value):
    """`value` None is a deletion."""
    form = bytes([value is None])
    digest = derive("dht v1 deleted", b"") if value is None else blake3(value).digest()
    head = b"dht v1 record" + bytes([len(salt)]) + salt
    return head + struct.pack("<Q", sequence) + form + digest


def network_id(name):
    return int.from_bytes(derive("dht v1 network", name.encode())[:4], "little")


def broadcast_bytes(network, sent, payload):
    return b"dht v1 broadcast" + struct.pack("<IQ", network, sent) + blake3(payload).digest()


def verifies(author, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(author).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


# --- What a reader turns away -------------------------------------------------------------------


class Rejected(Exception):
    """A datagram or message that a node does not act on."""


def need(condition):
    if not condition:
        raise Rejected


def parse_datagram(data, network):
    need(len(data) <= 1200)
    try:
        datagram = decode("Datagram", data, strict=True)
    except Malformed:
        raise Rejected from None
    need(datagram.get("version") == 1 and datagram.get("network", 0) == network)
    if "sealed" in datagram:
        sealed = datagram["sealed"]
        need(len(sealed.get("sender", b"")) == 36 and len(sealed.get("seal_nonce", b"")) == 24)
        need(len(sealed.get("cookie", b"")) in (0, 8) and len(sealed.get("ciphertext", b"")) >= 16)
    elif "hello" in datagram:
        need(len(data) >= 56)
    elif "hello_ack" in datagram:
        need(len(datagram["hello_ack"].get("node", b"")) == 36)
    else:
        retry = datagram.get("retry", {})
        need(len(retry.get("cookie", b"")) == 8 and len(retry.get("answers", b"")) == 8)
    return datagram


def need_terms(fields, with_purpose):
    need(1 <= fields.get("ttl", 0) <= 2_592_000)
    need(not with_purpose or fields.get("purpose") in (1, 2, 3))


def need_details(details):
    kind = details.get("kind")
    need(len(details.get("key", b"")) == 32 and kind in (1, 2, 3))
    need(details.get("size", 0) <= 5_000_000)
    need(len(details.get("digest", b"")) == (0 if kind == 1 else 32))
    need(kind == 2 or details.get("sequence", 0) == 0)


def need_record(record):
    need("inline" in record or "deleted" in record)
    value = record.get("inline")
    need(value is None or len(value) <= 900)
    if "signed" in record:
        signed = record["signed"]
        author, salt = signed.get("author", b""), signed.get("salt", b"")
        signature = signed.get("signature", b"")
        need(len(author) == 32 and len(salt) <= 32 and len(signature) == 64)
        need(verifies(author, signature, signed_bytes(salt, signed.get("sequence", 0), value)))
    else:
        need(value is not None and ("content" in record or "named" in record))
        need("named" not in record or len(record["named"].get("key", b"")) == 32)


def need_request(request):
    if "find_node" in request:
        need(len(request["find_node"].get("target", b"")) == 32)
    elif "fetch" in request:
        need(len(request["fetch"].get("key", b"")) == 32)
    elif "offer" in request:
        need("details" in request["offer"])
        need_details(request["offer"]["details"])
        need_terms(request["offer"], True)
    elif "store" in request:
        need_terms(request["store"], True)
        need("record" in request["store"])
        need_record(request["store"]["record"])
    elif "offer_many" in request:
        need(request["offer_many"].get("purpose") in (1, 2, 3))
        need(1 <= len(request["offer_many"].get("offers", [])) <= 32)
        need_entries(request["offer_many"]["offers"])
    elif "reconcile" in request:
        cells = request["reconcile"].get("cells", [])
        need(1 <= len(cells) <= 32)
        ranges = [range_of_cell(cell) for cell in cells]
        need(all(last < first for (_, last), (first, _) in zip(ranges, ranges[1:])))
    elif "list" in request:
        need_slot(request["list"].get("from", {}))
    elif "custom" in request:
        need(len(request["custom"].get("payload", b"")) <= 65_536)
    elif "broadcast" in request:
        need(request["broadcast"].get("depth", 0) <= 256)
        need("broadcast" in request["broadcast"])
        need_broadcast(request["broadcast"]["broadcast"])
    elif "compare_broadcasts" in request:
        held = request["compare_broadcasts"].get("held", [])
        need(len(held) <= 32 and all(len(one) == 16 for one in held))
    elif "pull_broadcast" in request:
        need(len(request["pull_broadcast"].get("id", b"")) == 16)
    need("download" not in request)  # only in streams


def need_broadcast(broadcast):
    author, payload = broadcast.get("author", b""), broadcast.get("payload", b"")
    signature = broadcast.get("signature", b"")
    need(len(author) == 32 and len(signature) == 64 and len(payload) <= 65_536)
    message = broadcast_bytes(network_id("main"), broadcast.get("sent", 0), payload)
    need(verifies(author, signature, message))


def need_slot(slot):
    need(len(slot.get("key", b"")) == 32 and slot.get("kind") in (1, 2, 3))


def need_entries(entries):
    for entry in entries:
        need("details" in entry)
        need_details(entry["details"])
        need_terms(entry, False)


def range_of_cell(cell):
    """First and last key, as numbers."""
    prefix, bits = cell.get("prefix", b""), cell.get("bits", 0)
    need(bits <= 256 and len(prefix) == (bits + 7) // 8 and len(cell.get("digest", b"")) == 16)
    first, unknown = int.from_bytes(prefix.ljust(32, b"\0"), "big"), (1 << (256 - bits)) - 1
    need(first & unknown == 0)
    return first, first | unknown


def need_batch_reply(reply):
    if "offered" in reply:
        verdicts = reply["offered"].get("verdicts", [])
        refused = reply["offered"].get("refused", [])
        need(1 <= len(verdicts) <= 32 and set(verdicts) <= {1, 2, 3})
        need(verdicts.count(3) == len(refused) and all(why.get("code", 0) for why in refused))
    elif "reconciled" in reply:
        cells = reply["reconciled"].get("cells", [])
        need(1 <= len(cells) <= 32)
        for cell in cells:
            need(any(answer in cell for answer in ("same", "held", "too_many")))
            need(len(cell.get("held", b"")) in range(0, 1_025, 8))
    elif "listing" in reply:
        entries, following = reply["listing"].get("entries", []), reply["listing"].get("next")
        need(len(entries) <= 32)
        need_entries(entries)
        slots = [entry["details"] for entry in entries]
        if following is not None:
            need_slot(following)
            slots.append(following)
        slots = [(slot["key"], slot["kind"]) for slot in slots]
        need(all(slot < after for slot, after in zip(slots, slots[1:])))


def need_broadcast_reply(reply):
    if "broadcasts_compared" in reply:
        verdicts = reply["broadcasts_compared"].get("verdicts", [])
        more = reply["broadcasts_compared"].get("more", [])
        need(len(verdicts) <= 32 and set(verdicts) <= {1, 2, 3, 4, 5} and len(more) <= 32)
        for entry in more:
            need(len(entry.get("id", b"")) == 16 and entry.get("size", 0) <= 65_536)
    elif "broadcast" in reply.get("broadcast_pulled", {}):
        need_broadcast(reply["broadcast_pulled"]["broadcast"])


def need_reply(reply):
    if "pong" in reply:
        need(len(reply["pong"].get("observed", b"")) in (6, 18))
    elif "found" in reply:
        need_terms(reply["found"], False)
        need("record" in reply["found"])
        need_record(reply["found"]["record"])
    elif "held" in reply:
        need_terms(reply["held"], False)
        need("details" in reply["held"])
        need_details(reply["held"]["details"])
    elif "refused" in reply or "error" in reply:
        need(reply.get("refused", reply.get("error")).get("code", 0) != 0)
    elif "custom" in reply:
        need(len(reply["custom"].get("payload", b"")) <= 65_536)
    need_batch_reply(reply)
    need_broadcast_reply(reply)
    need(any(name in reply for name, *_, oneof in SCHEMA["Reply"].values() if oneof))


def need_frame(message):
    """What may come by stream beside what may come in a datagram."""
    if "part" in message:
        part = message["part"]
        need(1 <= len(part.get("bytes", b"")) <= PART and part.get("offset", 0) <= 5_000_000)
    elif "download" in message.get("request", {}):
        download = message["request"]["download"]
        need_slot(download)
        offset, length = download.get("offset", 0), download.get("length", 0)
        need(not download.get("outlined") or (offset % PART == 0 and length % PART == 0))
    else:
        streamed = message["reply"]["found"]["record"]["streamed"]
        size, outline = streamed.get("size", 0), streamed.get("outline", b"")
        need(900 < size <= 5_000_000)
        need(streamed.get("offset", 0) + streamed.get("length", 0) <= size)
        need(not outline or (size > PART and len(outline) == 32 * -(-size // PART)))


def judge(plaintext):
    """("ok", message), or ("answer", code, id), or ("ignore",)."""
    try:
        message = decode("Message", plaintext)
    except Malformed:
        return ("ignore",)
    request = message.get("request")
    if request is not None:
        if not request:
            return ("answer", 1, message.get("id", 0))
        try:
            need_request(request)
        except Rejected:
            return ("answer", 2, message.get("id", 0))
        return ("ok", message)
    try:
        need("reply" in message)
        need_reply(message["reply"])
    except Rejected:
        return ("ignore",)
    return ("ok", message)


def admit(existing, incoming, kind, expected):
    version = lambda record: (record["sequence"], record["digest"])
    same = existing and version(existing) == version(incoming)
    same = same and existing["size"] == incoming["size"]
    if kind == "signed" and expected is not None and not same:
        current = existing["sequence"] if existing else 0
        if current != expected:
            return {"refused": {"code": 5, "current": current}}
    if not existing:
        return "insert"
    old, new = existing["custody"], incoming["purpose"]
    if same:
        if new == "publish" or (new == "replicate" and old == "cached"):
            expires = max(existing["expires"], incoming["expires"])
            if (expires, "held") != (existing["expires"], old):
                return {"renew": {"expires": expires, "custody": "held"}}
        return "keep"
    if kind == "content":
        return "keep"
    if kind == "named":
        gives_way = old == "cached" and new == "replicate"
        return "insert" if gives_way else {"refused": {"code": 3}}
    if version(incoming) > version(existing):
        return "insert"
    return {"refused": {"code": 4, "current": existing["sequence"]}}


KINDS = {"content": 1, "signed": 2, "named": 3}


def fingerprint(record):
    head = unhex(record["key"]) + bytes([KINDS[record["kind"]]])
    data = head + struct.pack("<Q", int(record["sequence"])) + unhex(record["digest"])
    return derive("dht v1 fingerprint", data)[:8]


def scope(text):
    ip = ipaddress.ip_address(text)
    if ip.version == 6 and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    inside = lambda *nets: any(
        ip in net for net in map(ipaddress.ip_network, nets) if net.version == ip.version
    )
    if inside("0.0.0.0/8", "224.0.0.0/3", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"):
        return None
    if inside("::/128", "ff00::/8", "2001:db8::/32"):
        return None
    if inside("127.0.0.0/8", "::1/128"):
        return "loopback"
    private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"]
    return "private" if inside(*private, "fc00::/7", "fe80::/10") else "public"


# --- The vectors --------------------------------------------------------------------------------


def check_networks(v):
    assert network_id(v["name"]) == v["id"]


def check_nodes(v):
    public = unhex(v["public_key"])
    zeros = lambda nonce: leading_zeros(blake3(node_id(public, nonce)).digest())
    assert node_id(public, v["nonce"]).hex() == v["id"]
    assert zeros(v["nonce"]) == v["zeros"]
    if "first" in v:
        assert public_of(unhex(v["secret_key"])) == public
        assert v["zeros"] >= v["first"] and all(zeros(n) < v["first"] for n in range(v["nonce"]))


def check_shared_keys(v):
    ours, theirs = unhex(v["secret_key"]), unhex(v["peer_secret_key"])
    assert public_of(ours).hex() == v["public_key"]
    assert public_of(theirs).hex() == v["peer_public_key"]
    key = unhex(v["key"])
    assert shared_key(ours, public_of(theirs)) == shared_key(theirs, public_of(ours)) == key


def check_weak_keys(v):
    assert shared_key(bytes([1] * 32), unhex(v["public_key"])) is None


def check_keys(v):
    if v["kind"] == "content":
        key = blake3(unhex(v["value"])).digest()
    elif v["kind"] == "named":
        key = derive("dht v1 name", unhex(v["name"]))
    else:
        key = key_of_signed(unhex(v["author"]), unhex(v["salt"]))
    assert key.hex() == v["key"]


def check_signed_records(v):
    secret = Ed25519PrivateKey.from_private_bytes(unhex(v["author_seed"]))
    author, salt = raw(secret.public_key()), unhex(v["salt"])
    value = None if v["value"] is None else unhex(v["value"])
    message = signed_bytes(salt, int(v["sequence"]), value)
    assert author.hex() == v["author"] and message.hex() == v["signed_bytes"]
    assert secret.sign(message).hex() == v["signature"]
    assert verifies(author, unhex(v["signature"]), message)
    assert key_of_signed(author, salt).hex() == v["key"]


def check_broadcasts(v):
    secret = Ed25519PrivateKey.from_private_bytes(unhex(v["author_seed"]))
    author = raw(secret.public_key())
    message = broadcast_bytes(v["network"], int(v["sent"]), unhex(v["payload"]))
    assert author.hex() == v["author"] and message.hex() == v["signed_bytes"]
    assert secret.sign(message).hex() == v["signature"]
    assert derive("dht v1 broadcast id", author + message)[:16].hex() == v["id"]


def as_json(message, fields):
    """As the vectors write a message: bytes in hex, numbers of 64 bits as text."""
    kinds = {name: kind for name, kind, *_ in SCHEMA[message].values()}

    def one(kind, value):
        if kind in ("uint64", "fixed64"):
            return str(value)
        if isinstance(value, bytes):
            return value.hex()
        return as_json(kind, value) if isinstance(value, dict) else value

    return {
        name: [one(kinds[name], item) for item in value]
        if isinstance(value, list)
        else one(kinds[name], value)
        for name, value in fields.items()
    }


def check_messages(v):
    encoded = unhex(v["encoded"])
    message = decode("Message", encoded)
    assert as_json("Message", message) == v["message"]
    assert encode("Message", message) == encoded
    if "download" not in message.get("request", {}):
        assert judge(encoded)[0] == "ok"


def check_datagrams(v):
    data = unhex(v["datagram"])
    if v["kind"] == "sealed":
        plaintext, seal_nonce = unhex(v["plaintext"]), unhex(v["seal_nonce"])
        assert int.from_bytes(seal_nonce[18:], "little") == int(v["sealed_at_ms"])
        assert seal(v, plaintext, seal_nonce) == data
        assert open_sealed(unhex(v["receiver_secret_key"]), data, v["network"]) == plaintext
        for index in range(len(data)):
            try:
                changed = data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :]
                open_sealed(unhex(v["receiver_secret_key"]), changed, v["network"])
            except (Rejected, InvalidTag, KeyError, TypeError):
                continue
            raise AssertionError(f"opens with byte {index} changed")
        if "padded" in v["name"]:
            assert len(data) == 400
        return
    body = parse_datagram(data, v["network"])[v["kind"]]
    if v["kind"] == "retry":
        assert body == {"cookie": unhex(v["cookie"]), "answers": unhex(v["answers"])}
        return
    assert len(data) == 56 and body["token"] == int(v["token"])
    if v["kind"] == "hello_ack":
        assert body["node"] == unhex(v["public_key"]) + struct.pack("<I", v["nonce"])


def check_streams(v):
    receiver, pattern = unhex(v["receiver_secret_key"]), unhex(v["pattern"])
    size = v["size"] or 0
    value = (pattern * (size // len(pattern) + 1))[:size]
    start, at = None, v["offset"]
    for index, frame in enumerate(v["frames"]):
        if index > 0:  # a part, whose content follows from the value
            piece = value[at : min(at + 65_536, start["offset"] + start["length"])]
            part = {"offset": at, "bytes": piece}
            plaintext = encode("Message", {"id": 1, "role": 1, "families": 1, "part": part})
            at += len(piece)
        else:
            data = unhex(frame["bytes"])[4:]
            plaintext = open_sealed(receiver, data, v["network"])
            message = decode("Message", plaintext)
            body = message.get("request", {}).get("store") or message.get("reply", {}).get("found")
            start = (body or {}).get("record", {}).get("streamed")
            if start:
                start.setdefault("offset", 0)
                need_frame(message) if "reply" in message else None
                outline = start.get("outline", b"")
                assert bool(outline) == (v["outlined"] and size > PART)
                if outline:
                    values = [outline[at : at + 32] for at in range(0, len(outline), 32)]
                    parts = [value[at : at + PART] for at in range(0, size, PART)]
                    assert values == [chaining_value(*part) for part in enumerate(parts)]
                assert (start["size"], start["offset"]) == (size, at)
            elif body:
                assert body["record"]["inline"] == value
        data = seal(v, plaintext, unhex(frame["seal_nonce"]))
        data = struct.pack(">I", len(data)) + data
        assert len(data) == frame["length"] <= 66_004
        assert data.hex() == frame.get("bytes", data.hex())
        assert blake3(data).hexdigest() == frame.get("blake3", blake3(data).hexdigest())
    assert not start or at == start["offset"] + start["length"]


def check_outlines(v):
    value = (bytes(range(251)) * (v["size"] // 251 + 1))[: v["size"]]
    values = list(map(unhex, v["chaining_values"]))
    assert len(values) == -(-v["size"] // PART)
    assert root_of(values) == unhex(v["digest"]) == blake3(value).digest()
    # In Python a part takes a while: of many the first and the last are enough.
    for index in range(len(values)) if len(values) < 4 else (0, len(values) - 1):
        assert chaining_value(index, value[index * PART :][:PART]) == values[index]


def check_reject_frames(v):
    plaintext = unhex(v["encoded"]) + bytes([v["repeated"]["byte"]]) * v["repeated"]["times"]
    message = decode("Message", plaintext)
    try:
        need_frame(message)
    except Rejected:
        answer = (2, message["id"]) if "request" in message else (None, None)
        assert answer == (v["answer"], v["id"] and int(v["id"]))
        return
    raise AssertionError("not rejected")


def check_reject_datagrams(v):
    try:
        parse_datagram(unhex(v["datagram"]), v["network"])
    except Rejected:
        return
    raise AssertionError("not rejected")


def check_reject_messages(v):
    verdict = judge(unhex(v["encoded"]))
    if v["answer"] is None:
        assert verdict == ("ignore",)
    else:
        assert verdict == ("answer", v["answer"], int(v["id"]))


def check_admit(v):
    assert admit(v["existing"], v["incoming"], v["kind"], v["expected"]) == v["result"]


def check_fingerprints(v):
    assert fingerprint(v).hex() == v["fingerprint"]


def check_cells(v):
    cell = {"prefix": unhex(v["prefix"]), "bits": v["bits"], "digest": unhex(v["digest"])}
    first, last = range_of_cell(cell)
    assert (first, last) == (int(v["first"], 16), int(v["last"], 16))
    order = lambda record: (record["key"], KINDS[record["kind"]])
    inside = [r for r in sorted(v["held"], key=order) if first <= int(r["key"], 16) <= last]
    told = b"".join(map(fingerprint, inside))
    assert told.hex() == v["fingerprints"]
    assert blake3(told).digest()[:16] == cell["digest"]


def check_scopes(v):
    assert scope(v["address"]) == v["scope"]


def main():
    failures = 0
    for path in sorted(HERE.glob("*.json")):
        check, vectors = globals()["check_" + path.stem], json.loads(path.read_text())["vectors"]
        for index, vector in enumerate(vectors):
            try:
                check(vector)
            except Exception as error:  # every vector is told, whatever is wrong with it
                failures += 1
                name = vector.get("name", index)
                print(f"{path.name}: {name}: {type(error).__name__} {error}", file=sys.stderr)
        print(f"{path.name}: {len(vectors)} vectors")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
