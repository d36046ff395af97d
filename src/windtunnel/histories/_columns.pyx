# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False
"""The compiled pass from operations to columns: as `columns.columns_of_pure`, which says what it does.

The fields of an `Operation` are read from its slots directly: at 85 operations a history, attribute look-ups would take as long as the
verdict.
"""

from cpython.array cimport array, clone
from cpython.dict cimport PyDict_SetItem
from cpython.object cimport PyObject
from libc.stdint cimport int8_t, int16_t, int32_t

from array import array as new_array

from windtunnel.base.errors import UsageError
from windtunnel.histories.operations import Operation
from windtunnel.histories.values import canonical

__all__ = ["ingested"]

cdef extern from *:
    """
    #include <structmember.h>
    static Py_ssize_t slot_offset(PyObject *descriptor) {
        if (Py_TYPE(descriptor) != &PyMemberDescr_Type) return -1;
        return ((PyMemberDescrObject *)descriptor)->d_member->offset;
    }
    static PyObject *slot_at(PyObject *object, Py_ssize_t offset) {
        PyObject *found = *(PyObject **)((char *)object + offset);
        return found ? found : Py_None;
    }
    """
    Py_ssize_t slot_offset(object descriptor) noexcept
    PyObject *slot_at(PyObject *object, Py_ssize_t offset) noexcept

cdef extern from "Python.h":
    PyObject *PyDict_GetItemWithError(object d, PyObject *key) except? NULL
    int PyList_CheckExact(PyObject *found) noexcept
    int PyTuple_CheckExact(PyObject *found) noexcept
    long PyLong_AsLong(PyObject *number) except? -1
    PyObject *Py_None
    int PyUnicode_CheckExact(PyObject *found) noexcept
    int PyLong_CheckExact(PyObject *found) noexcept
    int PyFloat_CheckExact(PyObject *found) noexcept

cdef object TRUE = canonical(True)
cdef object FALSE = canonical(False)
cdef str OK = "ok"
cdef str FAIL = "fail"
cdef str INFO = "info"
cdef array INTS = new_array("i")
cdef array SHORTS = new_array("h")
cdef array BYTES = new_array("b")

cdef enum:
    PROCESS
    NAME
    KEY
    VALUE
    TYPE
    RESULT
    INVOKED
    COMPLETED
    FIELDS
    KNOWN_MAX = 4

cdef Py_ssize_t offsets[FIELDS]
cdef tuple NAMES = ("process", "f", "key", "value", "type", "result", "invoked", "completed")
cdef bint direct = True
for _number, _name in enumerate(NAMES):
    offsets[_number] = slot_offset(Operation.__dict__[_name])
    direct = direct and offsets[_number] > 0


cdef inline bint plain(PyObject *value) noexcept:
    """Whether a value stands for itself: see `canonical`."""
    return PyLong_CheckExact(value) or PyUnicode_CheckExact(value) or value == Py_None or PyFloat_CheckExact(value)


cdef object stand_in(PyObject *value):
    """`canonical`, with the pairs of compare-and-sets made here."""
    if value == <PyObject *>True:
        return TRUE
    if value == <PyObject *>False:
        return FALSE
    if PyList_CheckExact(value) and len(<list>value) == 2:
        if plain(<PyObject *>(<list>value)[0]) and plain(<PyObject *>(<list>value)[1]):
            return ((<list>value)[0], (<list>value)[1])
    elif PyTuple_CheckExact(value) and len(<tuple>value) == 2:
        if plain(<PyObject *>(<tuple>value)[0]) and plain(<PyObject *>(<tuple>value)[1]):
            return <object>value
    return canonical(<object>value)


cdef inline int interned(dict numbers, list values, PyObject *value) except -1:
    """The number of a value; new ones are put into the tables."""
    cdef PyObject *found
    cdef object name
    if plain(value):
        found = PyDict_GetItemWithError(numbers, value)
        if found != NULL:
            return <int>PyLong_AsLong(found)
        name = <object>value
    else:
        name = stand_in(value)
        found = PyDict_GetItemWithError(numbers, <PyObject *>name)
        if found != NULL:
            return <int>PyLong_AsLong(found)
    PyDict_SetItem(numbers, name, len(values))
    values.append(<object>value)
    return <int>len(values) - 1


cdef inline int outcome(PyObject *type_, PyObject *operation) except -1:
    """The number of a type."""
    if type_ == <PyObject *>OK:
        return 0
    if type_ == <PyObject *>INFO:
        return 2
    if type_ == <PyObject *>FAIL:
        return 1
    name = <object>type_
    if name == OK:
        return 0
    if name == INFO:
        return 2
    if name == FAIL:
        return 1
    raise UsageError(f"operation {(<object>operation).index}: expected the type to be ok, fail or info, got {name!r}")


cdef inline int32_t position(PyObject *number) except? -2:
    """The position of an event. Raises OverflowError beyond 2 ** 31, as the pure pass does."""
    cdef long found = PyLong_AsLong(number)
    if found >= 0x7FFFFFFF or found < 0:
        raise OverflowError(f"positions of events are below 2 ** 31, got {found}")
    return <int32_t>found


def ingested(operations, bint processes_too=True):
    """The arrays, the tables and the numbers of `Columns`. processes_too: whether the column of processes is wanted."""
    cdef list rows = operations if type(operations) is list else list(operations)
    cdef Py_ssize_t count = len(rows), i, k
    cdef array process = clone(INTS, count if processes_too else 0, False), name = clone(SHORTS, count, False), key = clone(INTS, count, False)
    cdef array value = clone(INTS, count, False), result = clone(INTS, count, False), kind = clone(BYTES, count, False)
    cdef array invoked = clone(INTS, count, False), completed = clone(INTS, count, False)
    cdef dict process_numbers = {}, name_numbers = {}, key_numbers = {}, value_numbers = {None: 0}
    cdef list processes = [], names = [], keys = [], values = [None]
    cdef PyObject *field[FIELDS]
    cdef PyObject *last_name = NULL
    cdef PyObject *last_key = NULL
    cdef PyObject *operation
    cdef int name_number = 0, key_number = 0, type_number
    cdef list held
    cdef PyObject *known_names[KNOWN_MAX]
    cdef int known = 0
    for i in range(count):
        operation = <PyObject *>rows[i]
        held = None
        if direct and type(<object>operation) is Operation:
            for k in range(FIELDS):
                field[k] = slot_at(operation, offsets[k])
        else:
            held = [getattr(<object>operation, attribute) for attribute in NAMES]
            for k in range(FIELDS):
                field[k] = <PyObject *>held[k]
        type_number = outcome(field[TYPE], operation)
        kind.data.as_schars[i] = <int8_t>type_number
        if processes_too:
            process.data.as_ints[i] = interned(process_numbers, processes, field[PROCESS])
        if field[NAME] != last_name:
            last_name = field[NAME]
            for k in range(known):
                if known_names[k] == last_name:
                    name_number = <int>k
                    break
            else:
                name_number = interned(name_numbers, names, last_name)
                if name_number == known and known < KNOWN_MAX:
                    known_names[known] = <PyObject *>names[known]  # kept alive by the table
                    known += 1
            if held is not None:
                last_name = NULL
        name.data.as_shorts[i] = <int16_t>name_number
        if field[KEY] != last_key:
            key_number = interned(key_numbers, keys, field[KEY])
            last_key = field[KEY] if held is None else NULL
        key.data.as_ints[i] = key_number
        value.data.as_ints[i] = 0 if field[VALUE] == Py_None else interned(value_numbers, values, field[VALUE])
        if type_number == 0 and field[RESULT] != Py_None:
            result.data.as_ints[i] = interned(value_numbers, values, field[RESULT])
        else:
            result.data.as_ints[i] = 0
        invoked.data.as_ints[i] = position(field[INVOKED])
        completed.data.as_ints[i] = -1 if field[COMPLETED] == Py_None else position(field[COMPLETED])
    return [process, name, key, value, result, kind, invoked, completed], [processes, names, keys, values], value_numbers
