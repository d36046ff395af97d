# cython: language_level=3, binding=False
"""Tasks with a hash of their own, natively: see `sim/tasks.py`.

The type is asyncio's, enlarged by one number. It has no fields and no methods that Python can see, so that it costs what a subclass
costs at least: awaiting one takes asyncio's slower path.
"""

cdef extern from *:
    """
    static long long ordered_count = 0;
    static Py_ssize_t ordered_offset = 0;

    static Py_hash_t ordered_hash(PyObject *self)
    {
        long long *number = (long long *)((char *)self + ordered_offset);
        if (*number == 0)
            *number = ++ordered_count;
        return (Py_hash_t)*number;
    }

    static PyType_Slot ordered_slots[] = {{Py_tp_hash, (void *)ordered_hash}, {0, NULL}};

    /* Garbage collection is inherited with the rest, as long as the flag for it is not set here. */
    static PyObject *ordered_type(PyObject *base)
    {
        static PyType_Spec spec = {"windtunnel.sim.tasks.Task", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, ordered_slots};
        PyObject *bases, *type;
        ordered_offset = (((PyTypeObject *)base)->tp_basicsize + 7) & ~(Py_ssize_t)7;
        spec.basicsize = (int)(ordered_offset + sizeof(long long));
        bases = PyTuple_Pack(1, base);
        if (bases == NULL)
            return NULL;
        type = PyType_FromSpecWithBases(&spec, bases);
        Py_DECREF(bases);
        return type;
    }

    static void ordered_begin(void)
    {
        ordered_count = 0;
    }
    """
    object ordered_type(object base)
    void ordered_begin()

import asyncio

Task = ordered_type(asyncio.Task)


def begin():
    """Count from 1 again."""
    ordered_begin()
