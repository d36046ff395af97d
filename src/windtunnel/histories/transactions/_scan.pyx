# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Transactions in a file of events, compiled: EDN or JSON as machines write it, bytes to columns, without an object per operation.

It reads only what it is sure about: maps with the keys `type`, `f`, `process` and `value` (`time`, `index` and `error` are
passed over), integers as values. Anything else makes `scan` return None, and the reader of `events` has to say what it is, or
what is wrong with it.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp

import numpy as np

cdef long long NEVER = <long long>1 << 62
cdef long long NIL = -(<long long>1 << 62)
cdef long long LIMIT = <long long>1 << 61

cdef enum:
    INVOKE = 3
    WHITE = 1
    ENDS = 2


cdef unsigned char CLASS[256]
cdef int _code
for _code in range(256):
    CLASS[_code] = 0
for _code in (32, 9, 13, 10, 44):  # blank, tab, line ends, comma
    CLASS[_code] = WHITE
for _code in (40, 41, 91, 93, 123, 125, 34, 59):  # brackets, quotation mark, semicolon
    CLASS[_code] = ENDS


cdef struct Grown:
    long long* data
    Py_ssize_t size
    Py_ssize_t room


cdef inline int _push(Grown* column, long long value) except -1:
    cdef long long* moved
    if column.size == column.room:
        column.room = column.room * 2 if column.room else 4096
        moved = <long long*>realloc(column.data, column.room * sizeof(long long))
        if moved == NULL:
            raise MemoryError
        column.data = moved
    column.data[column.size] = value
    column.size += 1
    return 0


cdef object _array(Grown* column):
    found = np.empty(column.size, np.int64)
    cdef long long[::1] view = found
    cdef Py_ssize_t i
    for i in range(column.size):
        view[i] = column.data[i]
    free(column.data)
    column.data = NULL
    column.size = column.room = 0
    return found


cdef class Scanner:
    """Where the reading is, and what was read. Methods return 0 on success, 1 for "not sure"."""

    cdef const unsigned char* at
    cdef const unsigned char* end
    cdef long long line
    cdef int words
    cdef bint json
    cdef dict keys
    cdef Grown kind, key, value, offsets, elements

    def __cinit__(self):
        self.kind = self.key = self.value = self.offsets = self.elements = Grown(NULL, 0, 0)

    def __dealloc__(self):
        free(self.kind.data)
        free(self.key.data)
        free(self.value.data)
        free(self.offsets.data)
        free(self.elements.data)

    cdef inline void blank(self) noexcept:
        """Pass blanks; in EDN commas and comments too."""
        while self.at < self.end:
            if self.at[0] == 44 and self.json:
                return
            if CLASS[self.at[0]] == WHITE:
                if self.at[0] == 10:
                    self.line += 1
                self.at += 1
            elif self.at[0] == 59 and not self.json:
                while self.at < self.end and self.at[0] != 10:
                    self.at += 1
            else:
                return

    cdef inline int more(self, unsigned char closer, bint first) noexcept:
        """1 if another item of a collection follows, 0 if it ends here (and is passed), -1 for "not sure"."""
        self.blank()
        if self.at >= self.end:
            return -1
        if self.at[0] == closer:
            self.at += 1
            return 0
        if self.json and not first:
            if self.at[0] != 44:
                return -1
            self.at += 1
            self.blank()
            if self.at >= self.end or self.at[0] == closer:
                return -1
        return 1

    cdef int integer(self, long long* into) noexcept:
        cdef const unsigned char* p = self.at
        cdef long long number = 0
        cdef bint minus = False
        if p < self.end and p[0] == 45:
            minus = True
            p += 1
        if p >= self.end or p[0] < 48 or p[0] > 57:
            return 1
        if p[0] == 48 and (minus or (p + 1 < self.end and 48 <= p[1] <= 57)):
            return 1
        while p < self.end and 48 <= p[0] <= 57:
            number = number * 10 + (p[0] - 48)
            if number >= LIMIT:
                return 1
            p += 1
        if p < self.end and not CLASS[p[0]]:
            return 1
        into[0] = -number if minus else number
        self.at = p
        return 0

    cdef int number(self) noexcept:
        """Pass a number, as JSON writes it."""
        cdef const unsigned char* p = self.at
        if p < self.end and p[0] == 45:
            p += 1
        if p >= self.end or p[0] < 48 or p[0] > 57 or (p[0] == 48 and p + 1 < self.end and 48 <= p[1] <= 57):
            return 1
        while p < self.end and 48 <= p[0] <= 57:
            p += 1
        if p < self.end and p[0] == 46:
            p += 1
            if p >= self.end or p[0] < 48 or p[0] > 57:
                return 1
            while p < self.end and 48 <= p[0] <= 57:
                p += 1
        if p - self.at > 25 or (p < self.end and not CLASS[p[0]]):
            return 1
        self.at = p
        return 0

    cdef int word(self, const unsigned char** begin, Py_ssize_t* size) noexcept:
        """A string without escapes; in EDN also a keyword or a symbol: its letters."""
        cdef const unsigned char* p = self.at
        if p >= self.end:
            return 1
        if p[0] == 34:
            p += 1
            begin[0] = p
            while p < self.end and p[0] != 34:
                if p[0] == 92 or p[0] < 32 or p[0] > 126:
                    return 1
                p += 1
            if p >= self.end:
                return 1
            size[0] = p - begin[0]
            self.at = p + 1
            return 1 if self.at < self.end and not CLASS[self.at[0]] and self.at[0] != 58 else 0
        if self.json:
            return 1
        if p[0] == 58:
            p += 1
        begin[0] = p
        while p < self.end and not CLASS[p[0]]:
            if not (48 <= p[0] <= 57 or 65 <= p[0] <= 90 or 97 <= p[0] <= 122 or p[0] == 45 or p[0] == 95 or p[0] == 46):
                return 1
            p += 1
        size[0] = p - begin[0]
        if size[0] == 0 or not (65 <= begin[0][0] <= 90 or 97 <= begin[0][0] <= 122 or begin[0][0] == 95):
            return 1
        self.at = p
        return 0

    cdef int pass_value(self, int depth) noexcept:
        """Pass over a value of no interest: a number, a word, nil, or a list or map of such."""
        cdef const unsigned char* begin
        cdef Py_ssize_t size
        cdef int follows
        cdef bint first = True
        self.blank()
        if self.at >= self.end or depth > 20:
            return 1
        if self.at[0] == 91:
            self.at += 1
            while True:
                follows = self.more(93, first)
                if follows <= 0:
                    return -follows
                if self.pass_value(depth + 1):
                    return 1
                first = False
        if 48 <= self.at[0] <= 57 or self.at[0] == 45:
            return self.number()
        if self.is_nil():
            return 0
        return self.word(&begin, &size)

    cdef bint is_nil(self) noexcept:
        cdef Py_ssize_t size = 0
        if self.json:
            if self.end - self.at >= 4 and self.at[0] == 110 and self.at[1] == 117 and self.at[2] == 108 and self.at[3] == 108:
                size = 4
        elif self.end - self.at >= 3 and self.at[0] == 110 and self.at[1] == 105 and self.at[2] == 108:
            size = 3
        if size and (self.at + size >= self.end or CLASS[self.at[size]]):
            self.at += size
            return True
        return False

    cdef int key_number(self, bint keep, long long* into) except -1:
        cdef const unsigned char* begin
        cdef Py_ssize_t size
        cdef long long number
        into[0] = 0
        if self.integer(&number) == 0:
            if not keep:
                return 0
            name = number
        else:
            if self.is_nil():
                return 1
            if self.word(&begin, &size):
                return 1
            if not keep:
                return 0
            name = PyBytes_FromStringAndSize(<const char*>begin, size).decode("ascii")
            if name in ("true", "false") and (begin - 1)[0] != 34 and (begin - 1)[0] != 58:
                return 1
        found = self.keys.get(name)
        if found is None:
            found = self.keys[name] = len(self.keys)
        into[0] = found
        return 0

    cdef int micros(self, bint seen, bint keep) except -1:
        """The list of micro-operations that begins here. keep: whether it counts; else it is only looked through."""
        cdef bint first = True
        cdef int follows
        if self.at >= self.end or self.at[0] != 91:
            return 1
        self.at += 1
        while True:
            follows = self.more(93, first)
            if follows <= 0:
                return -follows
            if self.micro(seen, keep):
                return 1
            first = False

    cdef int micro(self, bint seen, bint keep) except -1:
        cdef const unsigned char* begin
        cdef Py_ssize_t size
        cdef long long key, number
        cdef int word, follows
        cdef bint first = True, short = False
        if self.at[0] != 91:
            return 1
        self.at += 1
        self.blank()
        if self.word(&begin, &size):
            return 1
        if size == 1 and begin[0] == 114:
            word = 0
        elif size == 1 and begin[0] == 119:
            word = 2
        elif size == 6 and memcmp(begin, b"append", 6) == 0:
            word = 1
        else:
            return 1
        if self.more(93, False) != 1 or self.key_number(keep, &key):
            return 1
        follows = self.more(93, False)
        if follows < 0 or (follows == 0 and word):
            return 1
        short = follows == 0
        if keep:
            self.words |= 1 << word
            _push(&self.key, key)
            _push(&self.kind, 1 if word else 0 if seen else 2)
        if word:
            if self.integer(&number):
                return 1
        elif short or self.is_nil():
            number = NIL if seen else 0
        elif self.at[0] == 91:
            self.at += 1
            if keep and seen:
                self.words |= 8
            while True:
                follows = self.more(93, first)
                if follows < 0:
                    return 1
                if follows == 0:
                    break
                if self.integer(&number):
                    return 1
                if keep and seen:
                    _push(&self.elements, number)
                first = False
            number = NIL + 1 if seen else 0
        else:
            if self.integer(&number):
                return 1
            if keep and seen:
                self.words |= 16
            number = number if seen else 0
        if keep:
            _push(&self.value, number)
            _push(&self.offsets, self.elements.size)
        return 0 if short or self.more(93, False) == 0 else 1


cdef struct Rows:
    Grown status, session, invoked, completed, begun, ended, value, first, last


def scan(const unsigned char[::1] data, bint json):
    """Columns of the transactions in a file's bytes, or None if it holds anything unusual. See `ingest.finished`.

    json: whether it has to be JSON; else EDN.
    """
    cdef Scanner s = Scanner()
    cdef Rows rows
    cdef Grown empty = Grown(NULL, 0, 0)
    rows.status = rows.session = rows.invoked = rows.completed = rows.begun = rows.ended = empty
    rows.value = rows.first = rows.last = empty
    try:
        return _scan(s, data, &rows) if data.shape[0] and _is_json(data) == json else None
    finally:
        free(rows.status.data)
        free(rows.session.data)
        free(rows.invoked.data)
        free(rows.completed.data)
        free(rows.begun.data)
        free(rows.ended.data)
        free(rows.value.data)
        free(rows.first.data)
        free(rows.last.data)


cdef bint _is_json(const unsigned char[::1] data) noexcept:
    """Whether the first map has a string as its first key."""
    cdef Py_ssize_t i = 0
    while i < data.shape[0] and (CLASS[data[i]] == WHITE or data[i] == 91 or data[i] == 123):
        i += 1
    return i < data.shape[0] and data[i] == 34


cdef object _scan(Scanner s, const unsigned char[::1] data, Rows* rows):
    cdef const unsigned char* base = &data[0]
    cdef const unsigned char* word
    cdef const unsigned char* value
    cdef Py_ssize_t size, number
    cdef long long process, position = 0, line, first, last, length
    cdef int kind, follows
    cdef bint has_process, whole = False, first_row = True, first_field
    cdef dict open_of = {}, sessions = {}
    s.at, s.end, s.line, s.words, s.keys, s.json = base, base + data.shape[0], 1, 0, {}, False
    s.blank()
    if s.at < s.end and s.at[0] == 91:
        whole = True
        s.at += 1
        s.blank()
    if s.at >= s.end or s.at[0] != 123:
        return None
    s.json = _is_json(data)
    _push(&s.offsets, 0)
    while True:
        if whole:
            follows = s.more(93, first_row)
            if follows < 0:
                return None
            if follows == 0:
                s.blank()
                if s.at < s.end:
                    return None
                break
        else:
            length = s.line
            s.blank()
            if s.at >= s.end:
                break
            if s.json and not first_row and s.line == length:
                return None  # lines of JSON hold one value each
        first_row = False
        if s.at[0] != 123:
            return None
        s.at += 1
        line, kind, has_process, value, first_field = s.line, -1, False, NULL, True
        process = first = last = 0
        while True:
            follows = s.more(125, first_field)
            if follows < 0:
                return None
            if follows == 0:
                break
            first_field = False
            if s.word(&word, &size):
                return None
            if s.json:
                s.blank()
                if s.at >= s.end or s.at[0] != 58:
                    return None
                s.at += 1
            elif (word - 1)[0] != 58 or s.at >= s.end or not CLASS[s.at[0]]:
                return None
            s.blank()
            if size == 4 and memcmp(word, b"type", 4) == 0:
                if s.word(&word, &size):
                    return None
                if size == 6 and memcmp(word, b"invoke", 6) == 0:
                    kind = INVOKE
                elif size == 2 and memcmp(word, b"ok", 2) == 0:
                    kind = 0
                elif size == 4 and memcmp(word, b"info", 4) == 0:
                    kind = 1
                elif size == 4 and memcmp(word, b"fail", 4) == 0:
                    kind = 2
                else:
                    return None
            elif size == 1 and word[0] == 102:
                if s.word(&word, &size) or size != 3 or memcmp(word, b"txn", 3) != 0:
                    return None
            elif size == 7 and memcmp(word, b"process", 7) == 0:
                if s.integer(&process):
                    return None
                has_process = True
            elif size == 5 and memcmp(word, b"value", 5) == 0:
                if value != NULL:
                    return None
                value, first = s.at, s.kind.size
                if s.micros(kind == 0, kind == 0):
                    return None
                last = s.kind.size if kind == 0 else -1
            elif (size == 4 and memcmp(word, b"time", 4) == 0) or (size == 5 and memcmp(word, b"index", 5) == 0):
                if s.number():
                    return None
            elif size == 5 and memcmp(word, b"error", 5) == 0:
                if s.pass_value(0):
                    return None
            elif size == 3 and memcmp(word, b"key", 3) == 0:  # transactions have none
                if not s.is_nil():
                    return None
            else:
                return None
        if s.json and not whole and s.line != line:
            return None
        if kind < 0 or not has_process or value == NULL:
            return None
        if kind == INVOKE:
            if process in open_of:
                return None
            open_of[process] = rows.status.size
            found = sessions.get(process)
            if found is None:
                found = sessions[process] = len(sessions)
            _push(&rows.status, 1)
            _push(&rows.session, found)
            _push(&rows.invoked, position)
            _push(&rows.completed, NEVER)
            _push(&rows.begun, line)
            _push(&rows.ended, 0)
            _push(&rows.value, value - base)
            _push(&rows.first, 0)
            _push(&rows.last, -1)
        else:
            found = open_of.pop(process, None)
            if found is None:
                return None
            number = found
            rows.status.data[number] = kind
            if kind == 0:
                rows.completed.data[number] = position
            rows.ended.data[number] = line
            if kind == 0:  # of others what was asked counts
                rows.value.data[number] = value - base
                rows.first.data[number] = first
                rows.last.data[number] = last
        position += 1
    return _finished(s, base, rows, sessions) if rows.status.size else None


cdef object _finished(Scanner s, const unsigned char* base, Rows* rows, dict sessions):
    """Read what was not kept yet, and bring the micro-operations into the order of invocations."""
    cdef Py_ssize_t count = rows.status.size, i, m, at = 0, into = 0, e
    for i in range(count):
        if rows.last.data[i] < 0:
            rows.first.data[i] = s.kind.size
            s.at = base + rows.value.data[i]
            if s.micros(rows.status.data[i] == 0, True):
                return None
            rows.last.data[i] = s.kind.size
    total = s.kind.size
    starts_array, offsets_array = np.zeros(count + 1, np.int64), np.zeros(total + 1, np.int64)
    kind_array, key_array, value_array = np.empty(total, np.int8), np.empty(total, np.int64), np.empty(total, np.int64)
    elements_array = np.empty(s.elements.size, np.int64)
    renamed_array = np.full(max(1, len(s.keys)), -1, np.int64)
    cdef long long[::1] starts = starts_array, offsets = offsets_array, key = key_array, value = value_array
    cdef long long[::1] elements = elements_array, renamed = renamed_array
    cdef signed char[::1] kind = kind_array
    cdef long long names = 0
    for i in range(count):
        for m in range(rows.first.data[i], rows.last.data[i]):
            kind[at] = <signed char>s.kind.data[m]
            if renamed[s.key.data[m]] < 0:
                renamed[s.key.data[m]] = names
                names += 1
            key[at] = renamed[s.key.data[m]]
            value[at] = s.value.data[m]
            for e in range(s.offsets.data[m], s.offsets.data[m + 1]):
                elements[into] = s.elements.data[e]
                into += 1
            at += 1
            offsets[at] = into
        starts[i + 1] = at
    known = list(s.keys)
    order = np.argsort(renamed_array[: len(known)], kind="stable")
    lines = np.empty((count, 2), np.int64)
    lines[:, 0], lines[:, 1] = _array(&rows.begun), _array(&rows.ended)
    return {
        "status": _array(&rows.status).astype(np.int8), "session": _array(&rows.session), "invoked": _array(&rows.invoked),
        "completed": _array(&rows.completed), "starts": starts_array, "kind": kind_array, "key": key_array, "value": value_array,
        "offsets": offsets_array, "elements": elements_array, "lines": lines, "keys": [known[number] for number in order.tolist()],
        "sessions": list(sessions), "words": s.words,
    }
