# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Transactions in a file of events, compiled: EDN or JSON as machines write it, bytes to columns, without an object per operation.

It reads only what it is sure about: maps with the keys `type`, `f`, `process` and `value` (`time`, `index` and `error` are passed over), integers as
values. Anything else makes `scan` return None, and the reader of `events` has to say what it is, or what is wrong with it.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdlib cimport free, realloc

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
        """Pass blanks, commas, colons after JSON keys, and comments of EDN."""
        while self.at < self.end:
            if CLASS[self.at[0]] == WHITE:
                if self.at[0] == 10:
                    self.line += 1
                self.at += 1
            elif self.at[0] == 59:  # ;
                while self.at < self.end and self.at[0] != 10:
                    self.at += 1
            else:
                return

    cdef int integer(self, long long* into) noexcept:
        cdef const unsigned char* p = self.at
        cdef long long number = 0
        cdef bint minus = False
        if p < self.end and p[0] == 45:
            minus = True
            p += 1
        if p >= self.end or p[0] < 48 or p[0] > 57:
            return 1
        if p[0] == 48 and p + 1 < self.end and 48 <= p[1] <= 57:
            return 1
        while p < self.end and 48 <= p[0] <= 57:
            number = number * 10 + (p[0] - 48)
            if number >= LIMIT:
                return 1
            p += 1
        if p < self.end and not (CLASS[p[0]]):
            return 1
        into[0] = -number if minus else number
        self.at = p
        return 0

    cdef int word(self, const unsigned char** begin, Py_ssize_t* size) noexcept:
        """A keyword, a symbol or a string without escapes: its letters."""
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
            return 0
        if p[0] == 58:
            p += 1
        begin[0] = p
        while p < self.end and not CLASS[p[0]]:
            if p[0] == 92 or p[0] == 35 or p[0] == 58 or p[0] == 94 or p[0] < 32 or p[0] > 126:
                return 1
            p += 1
        size[0] = p - begin[0]
        self.at = p
        return 1 if size[0] == 0 else 0

    cdef int pass_value(self) noexcept:
        """Pass over any value: brackets must match in number, strings are passed whole."""
        cdef int depth = 0
        cdef unsigned char c
        self.blank()
        while self.at < self.end:
            c = self.at[0]
            if c == 34:
                self.at += 1
                while self.at < self.end and self.at[0] != 34:
                    if self.at[0] == 92 or self.at[0] == 10:
                        return 1
                    self.at += 1
                if self.at >= self.end:
                    return 1
                self.at += 1
            elif c == 91 or c == 123 or c == 40:
                depth += 1
                self.at += 1
            elif c == 93 or c == 125 or c == 41:
                depth -= 1
                if depth < 0:
                    return 1
                self.at += 1
            elif c == 92 or c == 35 or c == 59:
                return 1
            elif CLASS[c] == WHITE:
                if c == 10:
                    self.line += 1
                self.at += 1
                continue
            else:
                while self.at < self.end and not CLASS[self.at[0]]:
                    if self.at[0] == 92 or self.at[0] == 35:
                        return 1
                    self.at += 1
            if depth == 0:
                return 0
        return 1

    cdef bint is_nil(self) noexcept:
        cdef Py_ssize_t size = 0
        if self.end - self.at >= 3 and self.at[0] == 110 and self.at[1] == 105 and self.at[2] == 108:
            size = 3
        elif self.end - self.at >= 4 and self.at[0] == 110 and self.at[1] == 117 and self.at[2] == 108 and self.at[3] == 108:
            size = 4
        if size and (self.at + size >= self.end or CLASS[self.at[size]]):
            self.at += size
            return True
        return False

    cdef int key_number(self, long long* into) except -1:
        cdef const unsigned char* begin
        cdef Py_ssize_t size
        cdef long long number
        if self.integer(&number) == 0:
            name = number
        else:
            if self.is_nil():
                return 1
            if self.word(&begin, &size):
                return 1
            name = PyBytes_FromStringAndSize(<const char*>begin, size).decode("ascii")
            if name in ("true", "false") or b"0" <= name[:1].encode() <= b"9" or name[:1] in "+-":
                return 1
        found = self.keys.get(name)
        if found is None:
            found = self.keys[name] = len(self.keys)
        into[0] = found
        return 0

    cdef int micros(self, bint seen) except -1:
        """The list of micro-operations that begins here."""
        cdef const unsigned char* begin
        cdef Py_ssize_t size
        cdef long long number
        cdef int word
        self.blank()
        if self.at >= self.end or self.at[0] != 91:
            return 1
        self.at += 1
        while True:
            self.blank()
            if self.at >= self.end:
                return 1
            if self.at[0] == 93:
                self.at += 1
                return 0
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
            elif size == 6 and begin[0] == 97 and begin[1] == 112 and begin[5] == 100:
                word = 1
            else:
                return 1
            self.words |= 1 << word
            self.blank()
            if self.key_number(&number):
                return 1
            _push(&self.key, number)
            self.blank()
            if self.at >= self.end:
                return 1
            if word:
                if self.integer(&number):
                    return 1
                _push(&self.kind, 1)
                _push(&self.value, number)
            elif not seen:
                if self.at[0] != 93 and self.pass_value():
                    return 1
                _push(&self.kind, 2)
                _push(&self.value, 0)
            elif self.at[0] == 91:
                self.words |= 8
                self.at += 1
                while True:
                    self.blank()
                    if self.at >= self.end:
                        return 1
                    if self.at[0] == 93:
                        self.at += 1
                        break
                    if self.integer(&number):
                        return 1
                    _push(&self.elements, number)
                _push(&self.kind, 0)
                _push(&self.value, NIL + 1)
            elif self.at[0] == 93 or self.is_nil():
                _push(&self.kind, 0)
                _push(&self.value, NIL)
            else:
                if self.integer(&number):
                    return 1
                self.words |= 16
                _push(&self.kind, 0)
                _push(&self.value, number)
            _push(&self.offsets, self.elements.size)
            self.blank()
            if self.at >= self.end or self.at[0] != 93:
                return 1
            self.at += 1


def scan(const unsigned char[::1] data):
    """Columns of the transactions in a file's bytes, or None if it holds anything unusual. See `ingest.finished`."""
    cdef Scanner s = Scanner()
    cdef Grown status = Grown(NULL, 0, 0), session = status, invoked = status, completed = status, begins = status, sizes = status
    cdef Grown begun = status, ended = status, where = status
    try:
        return _scan(s, data, &status, &session, &invoked, &completed, &begins, &sizes, &begun, &ended, &where)
    finally:
        free(status.data)
        free(session.data)
        free(invoked.data)
        free(completed.data)
        free(begins.data)
        free(sizes.data)
        free(begun.data)
        free(ended.data)
        free(where.data)


cdef object _scan(Scanner s, const unsigned char[::1] data, Grown* status, Grown* session, Grown* invoked, Grown* completed,
                  Grown* begins, Grown* sizes, Grown* begun, Grown* ended, Grown* where):
    cdef const unsigned char* base = &data[0]
    cdef const unsigned char* word
    cdef const unsigned char* value
    cdef Py_ssize_t size, length, number, i
    cdef long long process, position = 0, line, value_line
    cdef int kind, row
    cdef bint has_process, whole = False
    cdef dict open_of = {}, sessions = {}
    s.at, s.end, s.line, s.words, s.keys = base, base + data.shape[0], 1, 0, {}
    s.blank()
    if s.at < s.end and s.at[0] == 91:
        whole = True
        s.at += 1
    while True:
        s.blank()
        if s.at >= s.end:
            if whole:
                return None
            break
        if whole and s.at[0] == 93:
            s.at += 1
            s.blank()
            if s.at < s.end:
                return None
            break
        if s.at[0] != 123:
            return None
        s.at += 1
        line, kind, has_process, value = s.line, -1, False, NULL
        process = value_line = 0
        while True:
            s.blank()
            if s.at >= s.end:
                return None
            if s.at[0] == 125:
                s.at += 1
                break
            if s.word(&word, &size):
                return None
            if (word - 1)[0] == 34:  # a JSON key: a colon must follow
                s.blank()
                if s.at >= s.end or s.at[0] != 58:
                    return None
                s.at += 1
            elif (word - 1)[0] != 58:
                return None
            s.blank()
            if size == 4 and word[0] == 116 and word[1] == 121:  # type
                if s.word(&word, &size):
                    return None
                if size == 6 and word[0] == 105 and word[5] == 101:
                    kind = INVOKE
                elif size == 2 and word[0] == 111 and word[1] == 107:
                    kind = 0
                elif size == 4 and word[0] == 105 and word[3] == 111:
                    kind = 1
                elif size == 4 and word[0] == 102 and word[3] == 108:
                    kind = 2
                else:
                    return None
            elif size == 1 and word[0] == 102:  # f
                if s.word(&word, &size) or size != 3 or word[0] != 116 or word[1] != 120 or word[2] != 110:
                    return None
            elif size == 7 and word[0] == 112 and word[6] == 115:  # process
                if s.integer(&process):
                    return None
                has_process = True
            elif size == 5 and word[0] == 118 and word[4] == 101:  # value
                value, value_line = s.at, s.line
                if s.at >= s.end or s.at[0] != 91 or s.pass_value():
                    return None
            elif (size == 4 and word[0] == 116 and word[1] == 105) or (size == 5 and word[0] == 105 and word[4] == 120):
                if s.pass_value():
                    return None
            elif size == 3 and word[0] == 107 and word[2] == 121:  # key: transactions have none
                if not s.is_nil():
                    return None
            elif size == 5 and word[0] == 101 and word[4] == 114:  # error
                if s.pass_value():
                    return None
            else:
                return None
        if kind < 0 or not has_process or value == NULL:
            return None
        if kind == INVOKE:
            if process in open_of:
                return None
            open_of[process] = status.size
            found = sessions.get(process)
            if found is None:
                found = sessions[process] = len(sessions)
            _push(status, 1)
            _push(session, found)
            _push(invoked, position)
            _push(completed, NEVER)
            _push(begins, 0)
            _push(sizes, -1)
            _push(begun, line)
            _push(ended, 0)
            _push(where, value - base)
        else:
            found = open_of.pop(process, None)
            if found is None:
                return None
            number = found
            status.data[number] = kind
            if kind == 0:
                completed.data[number] = position
            ended.data[number] = line
            where.data[number] = value - base
        position += 1
    if not status.size:
        return None
    # The micro-operations, once each: from the completion if there was one, else from the invocation.
    _push(&s.offsets, 0)
    starts = np.zeros(status.size + 1, np.int64)
    cdef long long[::1] start = starts
    for i in range(status.size):
        s.at = base + where.data[i]
        if s.micros(status.data[i] == 0):
            return None
        start[i + 1] = s.kind.size
    lines = np.empty((status.size, 2), np.int64)
    lines[:, 0], lines[:, 1] = _array(begun), _array(ended)
    return {
        "status": _array(status).astype(np.int8), "session": _array(session), "invoked": _array(invoked),
        "completed": _array(completed), "starts": starts, "kind": _array(&s.kind).astype(np.int8), "key": _array(&s.key),
        "value": _array(&s.value), "offsets": _array(&s.offsets), "elements": _array(&s.elements), "lines": lines,
        "keys": list(s.keys), "sessions": list(sessions), "words": s.words,
    }
