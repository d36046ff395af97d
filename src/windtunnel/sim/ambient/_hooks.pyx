# cython: language_level=3, binding=False, embedsignature=False
"""Native hooks: builtins of CPython are redirected where they are, so that every alias of them follows.

Theory of operation. A builtin function object points to a `PyMethodDef` of its module, which holds the C function. All aliases
(`from time import time`, `clock = time.monotonic` in a class body) are the same object, and every call reads the C function from
there. A hook replaces that one pointer by a trampoline, a C function of the same calling convention. C functions carry no data, so
there is one trampoline per slot and convention, made by macros; the convention is read from `ml_flags` when the hook is made, and a
builtin whose convention is none of those below is not hooked at all.

Outside an active simulation a trampoline is one load, one branch and a jump to the original. In the simulation's thread it asks
`LIFE` for the host; when there is one, the handler is called as `handler(host, *arguments)`, for methods `handler(host, self,
*arguments)`. What it returns is the result; `NotImplemented` means that the original is to be called with the same arguments.
Exceptions of the handler propagate. Everything here runs with the GIL held.

`sim/ambient/patches.py` does the same by replacing attributes, without a compiler, and reaches less.
"""

from cpython.ref cimport PyObject, Py_INCREF, Py_XDECREF

from types import BuiltinFunctionType, ClassMethodDescriptorType, MethodDescriptorType, ModuleType

from windtunnel.sim.life import LIFE

cdef extern from *:
    """
    typedef struct {
        PyMethodDef *def;      /* of the builtin; NULL: the slot is free */
        PyCFunction original;
        PyObject *handler;     /* owned */
        PyObject *only;        /* owned, or NULL: calls on any other self go to the original at once */
        int method;            /* whether self is an argument for the handler */
    } Slot;

    #define SLOT_COUNT 128
    static Slot slots[SLOT_COUNT];
    static int simulating = 0;
    static unsigned long simulating_thread = 0;
    static PyObject *life_variable = NULL;  /* the ContextVar of the life that runs */
    static PyObject *host_word = NULL;      /* the interned string "host" */

    #define FEW 12

    /* The host whose code runs, a new reference; NULL for none, with or without an exception. */
    static PyObject *acting_host(void)
    {
        PyObject *life = NULL, *host;
        if (!simulating || PyThread_get_thread_ident() != simulating_thread)
            return NULL;
        if (PyContextVar_Get(life_variable, NULL, &life) < 0 || life == NULL)
            return NULL;
        if (life == Py_None) {
            Py_DECREF(life);
            return NULL;
        }
        host = PyObject_GetAttr(life, host_word);
        Py_DECREF(life);
        if (host == Py_None) {
            Py_DECREF(host);
            return NULL;
        }
        return host;
    }

    static PyObject *acting_or_none(void)
    {
        PyObject *host = acting_host();
        if (host == NULL && !PyErr_Occurred()) {
            Py_INCREF(Py_None);
            return Py_None;
        }
        return host;
    }

    /* Ask the handler. 1: *result is what it returned, or NULL with its exception. 0: call the original.
       count: positional arguments; the values of keywords follow them. */
    static int answered(Slot *slot, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords, PyObject **result)
    {
        PyObject *few[FEW], **all = few, *host, *handler;
        Py_ssize_t named = keywords == NULL ? 0 : PyTuple_GET_SIZE(keywords);
        Py_ssize_t used = 1, i;
        if (slot->only != NULL && self != slot->only)
            return 0;
        host = acting_host();
        if (host == NULL) {
            *result = NULL;
            return PyErr_Occurred() != NULL;
        }
        if (count + named + 3 > FEW) {
            all = PyMem_Malloc((count + named + 3) * sizeof(PyObject *));
            if (all == NULL) {
                Py_DECREF(host);
                *result = PyErr_NoMemory();
                return 1;
            }
        }
        all[0] = NULL;  /* room that a callee may use */
        all[used++] = host;
        if (slot->method)
            all[used++] = self;
        for (i = 0; i < count + named; i++)
            all[used++] = args[i];
        handler = slot->handler;
        Py_INCREF(handler);  /* the handler may take the hooks away */
        *result = PyObject_Vectorcall(handler, all + 1, (size_t)(used - 1 - named) | PY_VECTORCALL_ARGUMENTS_OFFSET, keywords);
        Py_DECREF(handler);
        Py_DECREF(host);
        if (all != few)
            PyMem_Free(all);
        if (*result == Py_NotImplemented) {
            Py_DECREF(*result);
            return 0;
        }
        return 1;
    }

    /* The same for arguments in a tuple and a dict. */
    static int answered_packed(Slot *slot, PyObject *self, PyObject *args, PyObject *options, PyObject **result)
    {
        Py_ssize_t count = PyTuple_GET_SIZE(args), named = options == NULL ? 0 : PyDict_GET_SIZE(options), at = 0, i;
        PyObject *keywords, **all, *key, *value;
        int done;
        if (!named)
            return answered(slot, self, &PyTuple_GET_ITEM(args, 0), count, NULL, result);
        keywords = PyTuple_New(named);
        all = PyMem_Malloc((count + named) * sizeof(PyObject *));
        if (keywords == NULL || all == NULL) {
            Py_XDECREF(keywords);
            PyMem_Free(all);
            *result = PyErr_NoMemory();
            return 1;
        }
        for (i = 0; i < count; i++)
            all[i] = PyTuple_GET_ITEM(args, i);
        for (i = 0; PyDict_Next(options, &at, &key, &value); i++) {
            Py_INCREF(key);
            PyTuple_SET_ITEM(keywords, i, key);
            all[count + i] = value;
        }
        done = answered(slot, self, all, count, keywords, result);
        PyMem_Free(all);
        Py_DECREF(keywords);
        return done;
    }

    typedef PyObject *(*Packed)(PyObject *, PyObject *, PyObject *);
    typedef PyObject *(*Fast)(PyObject *, PyObject *const *, Py_ssize_t);
    typedef PyObject *(*FastNamed)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
    typedef PyObject *(*Defined)(PyObject *, PyTypeObject *, PyObject *const *, Py_ssize_t, PyObject *);

    #define TRAMPOLINES(N) \\
    static PyObject *one_##N(PyObject *self, PyObject *arg) { \\
        PyObject *result; \\
        if (simulating && answered(&slots[N], self, &arg, arg != NULL, NULL, &result)) return result; \\
        return slots[N].original(self, arg); \\
    } \\
    static PyObject *tuple_##N(PyObject *self, PyObject *args) { \\
        PyObject *result; \\
        if (simulating && answered_packed(&slots[N], self, args, NULL, &result)) return result; \\
        return slots[N].original(self, args); \\
    } \\
    static PyObject *packed_##N(PyObject *self, PyObject *args, PyObject *options) { \\
        PyObject *result; \\
        if (simulating && answered_packed(&slots[N], self, args, options, &result)) return result; \\
        return ((Packed)(void (*)(void))slots[N].original)(self, args, options); \\
    } \\
    static PyObject *fast_##N(PyObject *self, PyObject *const *args, Py_ssize_t count) { \\
        PyObject *result; \\
        if (simulating && answered(&slots[N], self, args, count, NULL, &result)) return result; \\
        return ((Fast)(void (*)(void))slots[N].original)(self, args, count); \\
    } \\
    static PyObject *named_##N(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords) { \\
        PyObject *result; \\
        if (simulating && answered(&slots[N], self, args, count, keywords, &result)) return result; \\
        return ((FastNamed)(void (*)(void))slots[N].original)(self, args, count, keywords); \\
    } \\
    static PyObject *defined_##N(PyObject *self, PyTypeObject *type, PyObject *const *args, Py_ssize_t count, PyObject *keywords) { \\
        PyObject *result; \\
        if (simulating && answered(&slots[N], self, args, count, keywords, &result)) return result; \\
        return ((Defined)(void (*)(void))slots[N].original)(self, type, args, count, keywords); \\
    }

    #define ROW(N) { (PyCFunction)one_##N, (PyCFunction)tuple_##N, (PyCFunction)(void (*)(void))packed_##N, \\
        (PyCFunction)(void (*)(void))fast_##N, (PyCFunction)(void (*)(void))named_##N, (PyCFunction)(void (*)(void))defined_##N },

    #define EIGHT(F, N) F(N##0) F(N##1) F(N##2) F(N##3) F(N##4) F(N##5) F(N##6) F(N##7)
    #define ALL(F) EIGHT(F, 00) EIGHT(F, 01) EIGHT(F, 02) EIGHT(F, 03) EIGHT(F, 04) EIGHT(F, 05) EIGHT(F, 06) EIGHT(F, 07) \\
        EIGHT(F, 010) EIGHT(F, 011) EIGHT(F, 012) EIGHT(F, 013) EIGHT(F, 014) EIGHT(F, 015) EIGHT(F, 016) EIGHT(F, 017)

    ALL(TRAMPOLINES)  /* octal: slots 00 to 0177 */
    static PyCFunction trampolines[SLOT_COUNT][6] = { ALL(ROW) };

    /* Which trampoline has the convention of these flags; -1: none. */
    static int convention(int flags)
    {
        switch (flags & ~(METH_CLASS | METH_STATIC | METH_COEXIST)) {
        case METH_NOARGS: case METH_O: return 0;
        case METH_VARARGS: return 1;
        case METH_VARARGS | METH_KEYWORDS: return 2;
        case METH_FASTCALL: return 3;
        case METH_FASTCALL | METH_KEYWORDS: return 4;
        case METH_METHOD | METH_FASTCALL | METH_KEYWORDS: return 5;
        default: return -1;
        }
    }

    static PyMethodDef *definition_of_function(PyObject *function) { return ((PyCFunctionObject *)function)->m_ml; }
    static PyMethodDef *definition_of_method(PyObject *method) { return ((PyMethodDescrObject *)method)->d_method; }
    """
    ctypedef struct PyMethodDef:
        void *ml_meth
        int ml_flags
    ctypedef struct Slot:
        PyMethodDef *definition "def"
        void *original
        PyObject *handler
        PyObject *only
        int method
    int SLOT_COUNT
    Slot slots[128]
    void *trampolines[128][6]
    int simulating
    unsigned long simulating_thread
    PyObject *life_variable
    PyObject *host_word
    object acting_or_none()
    int convention(int flags) noexcept
    PyMethodDef *definition_of_function(object function) noexcept
    PyMethodDef *definition_of_method(object method) noexcept

_WORD = "host"
life_variable = <PyObject *>LIFE  # the module keeps both alive
host_word = <PyObject *>_WORD


cpdef bint hook(target, handler, only=None) except -1:
    """Redirect the builtin function or method `target` to `handler`; False when its calling convention is not known here.

    only: the one self that is meant; every other one goes to the original without asking. A second hook of the same builtin
    replaces the first one's handler.
    """
    cdef PyMethodDef *definition
    cdef bint method = isinstance(target, (MethodDescriptorType, ClassMethodDescriptorType))
    cdef int shape, i, free = -1
    if method:
        definition = definition_of_method(target)
    elif isinstance(target, BuiltinFunctionType) and (target.__self__ is None or isinstance(target.__self__, ModuleType)):
        definition = definition_of_function(target)
    else:
        return False
    shape = convention(definition.ml_flags)
    if shape < 0:
        return False
    for i in range(SLOT_COUNT):
        if slots[i].definition == definition:
            free = i
            break
        if slots[i].definition == NULL and free < 0:
            free = i
    if free < 0:
        return False
    _fill(&slots[free], <PyObject *>handler, NULL if only is None else <PyObject *>only)
    if slots[free].definition == NULL:
        slots[free].definition = definition
        slots[free].method = method
        slots[free].original = definition.ml_meth
        definition.ml_meth = trampolines[free][shape]
    return True


cdef void _fill(Slot *slot, PyObject *handler, PyObject *only):
    cdef PyObject *former = slot.handler
    cdef PyObject *former_only = slot.only
    Py_INCREF(<object>handler)
    if only != NULL:
        Py_INCREF(<object>only)
    slot.handler = handler
    slot.only = only
    Py_XDECREF(former)
    Py_XDECREF(former_only)


def unhook():
    """Give every builtin back its own C function."""
    cdef int i
    cdef PyObject *handler
    cdef PyObject *only
    for i in range(SLOT_COUNT):
        if slots[i].definition != NULL:
            if slots[i].definition.ml_meth != slots[i].original:
                slots[i].definition.ml_meth = slots[i].original
            handler, only = slots[i].handler, slots[i].only
            slots[i].definition = NULL
            slots[i].handler = slots[i].only = NULL
            Py_XDECREF(handler)
            Py_XDECREF(only)


def hooked():
    """How many builtins are redirected now."""
    cdef int i, count = 0
    for i in range(SLOT_COUNT):
        count += slots[i].definition != NULL
    return count


def switch(bint on, unsigned long thread):
    """Whether a simulation is active, and in which thread. Returns the former pair, to be given back."""
    global simulating, simulating_thread
    former = (bool(simulating), simulating_thread)
    simulating_thread = thread
    simulating = on
    return former


def acting():
    """The host whose code runs in an active simulation, in its thread; else None."""
    return acting_or_none()
