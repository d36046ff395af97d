# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Python objects into columns, compiled. `pure_ingest` is the twin: same names, same results."""

from cpython.long cimport PyLong_CheckExact
from cpython.dict cimport PyDict_GetItem
from cpython.object cimport PyObject

import numpy as np

from windtunnel.histories.transactions.pure_ingest import BadMicroOperation, WORDS

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object, int*) except? -1

cdef long long LIMIT = <long long>1 << 61
cdef long long NIL = -(<long long>1 << 62)
cdef long long LISTED = NIL + 1
cdef long long NEVER = <long long>1 << 62


cdef inline bint _listed(object item):
    return isinstance(item, list) or isinstance(item, tuple)


cdef object _micros(operation):
    if operation.type == "ok":
        result = operation.result
        if _listed(result):
            return result
    return operation.value


cdef long long _number(dict table, object item, object canonical):
    cdef PyObject* found
    if PyLong_CheckExact(item) or isinstance(item, str):
        key = item
    else:
        key = canonical(item)
    found = PyDict_GetItem(table, key)
    if found is not NULL:
        return <object>found
    made = len(table)
    table[key] = made
    return made


def fill(operations, dict keys, values, canonical):
    """Columns of operations whose value is a list of micro-operations.

    keys, values: canonical key or value to number, filled here; values is None to take integers as they are, and then None is
    returned as soon as a value is no integer. canonical: makes a value hashable. Raises BadMicroOperation.
    """
    cdef Py_ssize_t n = len(operations), m = 0, e = 0, at = 0, into = 0, index
    cdef bint seen, plain = values is None
    cdef int word, words = 0, overflow = 0
    cdef long long made
    for operation in operations:
        micros = _micros(operation)
        if not _listed(micros):
            index = operations.index(operation)
            raise BadMicroOperation(index, "a list of micro-operations such as [[append x 1] [r y nil]]", repr(micros))
        m += len(micros)
        for micro in micros:
            if _listed(micro) and len(micro) == 3:
                item = micro[2]
                if _listed(item):
                    e += len(item)
    starts_array, offsets_array = np.zeros(n + 1, np.int64), np.zeros(m + 1, np.int64)
    kind_array, key_array, value_array = np.empty(m, np.int8), np.empty(m, np.int64), np.empty(m, np.int64)
    elements_array = np.empty(e, np.int64)
    cdef long long[::1] starts = starts_array, offsets = offsets_array, key = key_array, value = value_array
    cdef long long[::1] elements = elements_array
    cdef signed char[::1] kind = kind_array
    cdef PyObject* found
    for index in range(n):
        operation = operations[index]
        seen = operation.type == "ok"
        for micro in _micros(operation):
            word = -1
            if _listed(micro) and len(micro) >= 2 and isinstance(micro[0], str):
                found = PyDict_GetItem(WORDS, micro[0])
                if found is not NULL:
                    word = <object>found
            if word < 0 or not (len(micro) == 3 or (len(micro) == 2 and word == 0)):
                raise BadMicroOperation(index, "a micro-operation: [append k v], [w k v] or [r k v]", repr(micro))
            item = micro[2] if len(micro) == 3 else None
            key[at] = _number(keys, micro[1], canonical)
            words |= 1 << word
            if word and item is None:
                raise BadMicroOperation(index, "a value to write", repr(micro))
            if word == 0 and seen and _listed(item):
                words |= 8
                kind[at] = 0
                value[at] = LISTED
                for element in item:
                    if plain:
                        if not PyLong_CheckExact(element):
                            return None
                        made = PyLong_AsLongLongAndOverflow(element, &overflow)
                        if overflow or not -LIMIT < made < LIMIT:
                            return None
                        elements[into] = made
                    else:
                        elements[into] = _number(values, element, canonical)
                    into += 1
            elif word == 0 and not seen:
                kind[at] = 2
                value[at] = 0
            else:
                kind[at] = 1 if word else 0
                if word == 0 and item is None:
                    value[at] = NIL
                elif plain:
                    if not PyLong_CheckExact(item):
                        return None
                    made = PyLong_AsLongLongAndOverflow(item, &overflow)
                    if overflow or not -LIMIT < made < LIMIT:
                        return None
                    value[at] = made
                    words |= 0 if word else 16
                else:
                    value[at] = _number(values, item, canonical)
                    words |= 0 if word else 16
            at += 1
            offsets[at] = into
        starts[index + 1] = at
    return {
        "starts": starts_array, "key": key_array, "value": value_array, "offsets": offsets_array,
        "elements": elements_array[:into].copy() if into < e else elements_array, "kind": kind_array, "words": words,
    }


def heads(operations, dict sessions):
    """The columns that do not depend on micro-operations. sessions: process to number, filled here."""
    cdef Py_ssize_t n = len(operations), i
    status_array, session_array = np.empty(n, np.int8), np.empty(n, np.int64)
    invoked_array, completed_array = np.empty(n, np.int64), np.empty(n, np.int64)
    cdef signed char[::1] status = status_array
    cdef long long[::1] session = session_array, invoked = invoked_array, completed = completed_array
    cdef PyObject* found
    for i in range(n):
        operation = operations[i]
        kind = operation.type
        process = operation.process
        end = operation.completed
        status[i] = 0 if kind == "ok" else 1 if kind == "info" else 2
        if process is None:
            session[i] = -1
        else:
            found = PyDict_GetItem(sessions, process)
            if found is NULL:
                made = len(sessions)
                sessions[process] = made
                session[i] = made
            else:
                session[i] = <object>found
        invoked[i] = operation.invoked
        completed[i] = end if end is not None and kind == "ok" else NEVER
    return {"status": status_array, "session": session_array, "invoked": invoked_array, "completed": completed_array}
