# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, binding=False
# cython: embedsignature=False
"""The compiled kernel: the same program as `sim/pure.py`, in C structs. Read that one first; this one says only what differs.

* The heap is 4-ary, of 48-byte structs: a sift touches half the levels of a binary one, and its cache lines whole.
* A message costs no Python object besides itself. Nodes are numbers in the heap; a handler is called through its function
  and its core, without a bound method in between.
* Timers are slots of a C array per port; a hundred thousand nodes must fit into memory.
* The network's draws come from the same Mersenne Twister state as the pure kernel's, stepped here.
* The references that the heap holds are shown to the cyclic collector by `_traverse`; Cython does not know of them.

One module, and longer than our others: ports, links and the heap call each other for each message, and Cython inlines C functions and
reads C fields only within a module.

Floating-point expressions are written as in the pure kernel, in the same order, and compiled without contraction or fast-math: equal
seeds must give equal bits.
"""

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF, PyObject
from libc.math cimport cos, exp, log, sqrt
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef object LIFE, Life, crc32  # C variables: these are looked up for each step and each segment

import hashlib
from collections import deque
from contextvars import copy_context
from math import inf
from types import FunctionType
from zlib import crc32

from windtunnel.base.errors import UsageError
from windtunnel.base.streams import busy_stream, stream_state
from windtunnel.sim.life import LIFE, Life
from windtunnel.sim import pipe as pure_pipe
from windtunnel.sim.links import LOOPBACK_S, RETRIES, RTO_S, Links
from windtunnel.sim.schedule import PCT_EVENTS, POLICIES
from windtunnel.sim.waiting import waiting

__all__ = ["Handle", "Kernel", "Pipe", "Port", "Stream", "TaskHandle"]

cdef extern from "Python.h":
    object PyObject_Vectorcall(object callable, PyObject **args, size_t nargsf, PyObject *kwnames)
    object PyObject_CallNoArgs(object callable)
    object PyObject_CallOneArg(object callable, object arg)
    object PyObject_CallObject(object callable, object args)
    PyObject *PyDict_GetItemWithError(object d, object key) except? NULL
    object PyContext_CopyCurrent()
    int PyContext_Enter(object) except -1
    int PyContext_Exit(object) except -1
    int PyContextVar_Get(object var, PyObject *default, PyObject **value) except -1
    int PyGC_IsEnabled() noexcept
    int PyGC_Enable() noexcept
    int PyGC_Disable() noexcept
    int PyUnicode_CheckExact(object) noexcept
    int PyTuple_Check(object) noexcept
    Py_ssize_t PyTuple_GET_SIZE(object) noexcept
    object PyBytes_FromStringAndSize(char *data, Py_ssize_t size)
    int PyBytes_CheckExact(object) noexcept
    Py_ssize_t PyBytes_GET_SIZE(object) noexcept
    ctypedef int (*visitproc)(PyObject *, void *) noexcept
    ctypedef int (*traverseproc)(PyObject *, visitproc, void *) noexcept
    ctypedef int (*inquiry)(PyObject *) noexcept
    ctypedef struct PyTypeObject:
        traverseproc tp_traverse
        inquiry tp_clear
    const size_t PY_VECTORCALL_ARGUMENTS_OFFSET
    ctypedef struct PyMethodDef:
        const char *ml_name
        void *ml_meth
        int ml_flags
        const char *ml_doc
    object PyCFunction_NewEx(PyMethodDef *method, object self, object module)
    int METH_FASTCALL
    int METH_KEYWORDS
    ctypedef struct PyMemberDef:
        Py_ssize_t offset
    ctypedef struct PyMemberDescrObject:
        PyMemberDef *d_member

cdef extern from "structmember.h":
    pass

cdef enum:
    DELIVER
    TIMER
    CALL
    SYNCED
    SERVE
    ARRIVE
    LOST
    TASK
    SEGMENT

cdef enum:
    CONSTANT
    UNIFORM
    EXPONENTIAL
    LOGNORMAL

cdef enum:
    OPEN
    CUT
    HOLD

cdef enum:
    SEND
    REPLY
    APPLY
    TELL

cdef enum:
    FIFO
    RANDOM
    PCT

cdef enum:
    BLOCK = 4096
    FEW = 8  # timers of a port up to which a scan is faster than a dict

cdef int64_t COLLECT_EVERY = 1 << 18
cdef uint64_t NOBODY = (1 << 28) - 1
cdef uint64_t SCRAMBLE = 0x9E3779B97F4A7C15
cdef double LOOPBACK = LOOPBACK_S
cdef double FIRST_TIMEOUT = RTO_S
cdef int LOSSES = RETRIES
cdef Py_ssize_t HEADERS = pure_pipe.HEADERS
cdef Py_ssize_t SEGMENT_MAX = pure_pipe.SEGMENT_MAX
cdef Py_ssize_t WINDOW = pure_pipe.WINDOW
cdef double INFINITE = inf
cdef double PI = 3.141592653589793
cdef double TO_UNIT = 1.0 / 9007199254740992.0


# --- Randomness ---


cdef struct Twister:
    uint32_t word[624]
    int at


cdef int twister_load(Twister *twister, object generator) except -1:
    """Take over the state of a `random.Random`."""
    cdef tuple words = generator.getstate()[1]
    cdef int i
    for i in range(624):
        twister.word[i] = words[i]
    twister.at = words[624]
    return 0


cdef void twister_turn(Twister *twister) noexcept nogil:
    """The next 624 words (Matsumoto & Nishimura 1998)."""
    cdef uint32_t *word = twister.word
    cdef uint32_t y
    cdef int k
    for k in range(227):
        y = (word[k] & 0x80000000u) | (word[k + 1] & 0x7FFFFFFFu)
        word[k] = word[k + 397] ^ (y >> 1) ^ (0x9908B0DFu if y & 1 else 0u)
    for k in range(227, 623):
        y = (word[k] & 0x80000000u) | (word[k + 1] & 0x7FFFFFFFu)
        word[k] = word[k - 227] ^ (y >> 1) ^ (0x9908B0DFu if y & 1 else 0u)
    y = (word[623] & 0x80000000u) | (word[0] & 0x7FFFFFFFu)
    word[623] = word[396] ^ (y >> 1) ^ (0x9908B0DFu if y & 1 else 0u)
    twister.at = 0


cdef inline uint32_t twister_word(Twister *twister) noexcept nogil:
    cdef uint32_t y
    if twister.at >= 624:
        twister_turn(twister)
    y = twister.word[twister.at]
    twister.at += 1
    y ^= y >> 11
    y ^= (y << 7) & 0x9D2C5680u
    y ^= (y << 15) & 0xEFC60000u
    y ^= y >> 18
    return y


cdef inline double twister_draw(Twister *twister) noexcept nogil:
    """As `random.Random.random`: uniform in [0, 1), 53 bits of two words."""
    cdef uint32_t a = twister_word(twister) >> 5
    cdef uint32_t b = twister_word(twister) >> 6
    return (a * 67108864.0 + b) * TO_UNIT


cdef struct Dice:
    uint64_t s0
    uint64_t s1
    uint64_t s2
    uint64_t s3


cdef int dice_seed(Dice *dice, object seed, str name) except -1:
    dice.s0, dice.s1, dice.s2, dice.s3 = stream_state(seed, name)
    return 0


cdef inline double dice_draw(Dice *dice) noexcept nogil:
    """As `base.streams.Stream.random`: xoshiro256++."""
    cdef uint64_t total = dice.s0 + dice.s3
    cdef uint64_t result = ((total << 23) | (total >> 41)) + dice.s0
    cdef uint64_t t = dice.s1 << 17
    dice.s2 ^= dice.s0
    dice.s3 ^= dice.s1
    dice.s1 ^= dice.s2
    dice.s0 ^= dice.s3
    dice.s2 ^= t
    dice.s3 = (dice.s3 << 45) | (dice.s3 >> 19)
    return (result >> 11) * TO_UNIT


cdef class Stream:
    """As `base.streams.Stream`: the same draws from the same seed and name."""

    cdef Dice dice

    def __init__(self, seed, str name):
        dice_seed(&self.dice, seed, name)

    cdef inline double draw(self) noexcept:
        return dice_draw(&self.dice)

    def random(self):
        """Uniform in [0, 1), 53 bits."""
        return self.draw()

    def uniform(self, double low, double high):
        """Uniform in [low, high)."""
        return low + (high - low) * self.draw()

    def exponential(self, double mean):
        """Exponential with that mean, by inversion."""
        return -mean * log(1.0 - self.draw())

    def below(self, n):
        """Uniform in 0 .. n-1."""
        return int(self.draw() * n)

    def chance(self, double probability):
        """True with that probability; always draws."""
        return self.draw() < probability

    def choice(self, items):
        """One of `items`, which must be ordered."""
        return items[int(self.draw() * len(items))]

    def shuffle(self, items):
        """In place (Fisher and Yates)."""
        cdef Py_ssize_t i, j
        for i in range(len(items) - 1, 0, -1):
            j = <Py_ssize_t>(self.draw() * (i + 1))
            items[i], items[j] = items[j], items[i]

    def sample(self, items, Py_ssize_t k):
        """`k` different items, in drawn order."""
        pool = list(items)
        self.shuffle(pool)
        return pool[:k]


# --- The heap ---


cdef struct Event:
    double due
    int64_t seq
    PyObject *payload  # owned: the message or the handle; NULL for timers and syncs
    double sent_at
    int32_t dst  # index of the port; -1: nobody
    int32_t src  # index of the sender, or slot of the timer
    int32_t kind
    int32_t life  # incarnation of dst that is meant, where it matters


cdef struct Events:
    Event *items
    Py_ssize_t count
    Py_ssize_t room


cdef int reserve(Events *events) except -1:
    cdef Py_ssize_t room = events.room * 2 if events.room else 64
    cdef Event *items = <Event *>PyMem_Realloc(events.items, room * sizeof(Event))
    if items == NULL:
        raise MemoryError
    events.items = items
    events.room = room
    return 0


cdef inline bint before(Event *a, Event *b) noexcept nogil:
    return a.due < b.due or (a.due == b.due and a.seq < b.seq)


cdef inline int push(Events *heap, Event *event) except -1:
    """Add an event; the heap takes over the reference to its payload."""
    cdef Py_ssize_t i = heap.count, parent
    cdef Event *items
    if i == heap.room:
        reserve(heap)
    items = heap.items
    heap.count = i + 1
    while i > 0:
        parent = (i - 1) >> 2
        if not before(event, &items[parent]):
            break
        items[i] = items[parent]
        i = parent
    items[i] = event[0]
    return 0


cdef inline void pop(Events *heap, Event *top) noexcept nogil:
    """Take the first event off a heap that is not empty."""
    cdef Event *items = heap.items
    cdef Py_ssize_t count = heap.count - 1, i = 0, child, least, end
    cdef Event *last = &items[count]
    top[0] = items[0]
    heap.count = count
    if count == 0:
        return
    while True:
        child = 4 * i + 1
        if child >= count:
            break
        least = child
        end = child + 4 if child + 4 < count else count
        child += 1
        while child < end:
            if before(&items[child], &items[least]):
                least = child
            child += 1
        if before(last, &items[least]):
            break
        items[i] = items[least]
        i = least
    items[i] = last[0]


# --- Links and handles ---


cdef class Link:
    """As `sim.links.Link`, in C."""

    cdef public object src, dst, held
    cdef public double a, b, drop, duplicate, slow_s, bandwidth, busy_until, last_due
    cdef public int kind, state, own
    cdef public bint fifo, rough, quick

    def __init__(self, src=None, dst=None):
        self.src = src
        self.dst = dst
        self.held = None
        self.kind = UNIFORM
        self.a = 0.001
        self.b = 0.010
        self.state = OPEN
        self.quick = True

    def refresh(self):
        """Derive what the kernel asks for each message from the settings."""
        cdef bint plain
        self.rough = self.drop > 0.0 or self.duplicate > 0.0 or self.slow_s > 0.0
        plain = not self.rough and self.bandwidth == 0.0 and not self.fifo
        self.quick = plain and self.kind == UNIFORM and self.state == OPEN


cdef class Handle:
    """A callback that was asked for. `cancel` makes sure that it does not run."""

    cdef object callback
    cdef object args

    def cancel(self):
        """Never run the callback; no effect once it has run."""
        self.callback = None
        self.args = ()

    def cancelled(self):
        """Whether it was cancelled."""
        return self.callback is None

    def target(self):
        """What it calls; None once it was cancelled."""
        return self.callback


@cython.freelist(256)
cdef class TaskHandle(Handle):
    """A callback that runs in a context: what `asyncio` gets from its loop."""

    cdef object context
    cdef object single  # the only argument, where there is one: most callbacks of tasks have it, and need no tuple
    cdef int arity  # 0 or 1; otherwise `args` has them
    cdef double when_

    def cancel(self):
        """Never run the callback; no effect once it has run."""
        self.callback = self.single = None
        self.args = ()
        self.arity = 0

    def when(self):
        """When it is due, virtual seconds."""
        return self.when_

    def get_context(self):
        """The context that it runs in."""
        return self.context

    def void(self):
        """Whether nothing will come of it: cancelled, or its host has died."""
        life = self.context.get(LIFE)
        return self.callback is None or (life is not None and not life.alive)


# --- Lives ---

# Each step of a task asks for two fields of a Python object: they are read where `__slots__` has put them.
cdef Py_ssize_t ALIVE_AT = (<PyMemberDescrObject *><void *>Life.alive).d_member.offset
cdef Py_ssize_t PORT_AT = (<PyMemberDescrObject *><void *>Life.port).d_member.offset


cdef inline bint lives(life) except -1:
    cdef PyObject *alive
    if type(life) is Life:
        alive = (<PyObject **>(<char *><void *>life + ALIVE_AT))[0]
        if alive != NULL:
            return <object>alive is True
    return bool(life.alive)


cdef inline Port port_of(life):
    cdef PyObject *port
    if type(life) is Life:
        port = (<PyObject **>(<char *><void *>life + PORT_AT))[0]
        if port != NULL:
            return <Port?><object>port
    return life.port


# --- Ports ---


cdef struct Timer:
    PyObject *name  # owned
    double due
    int64_t seq  # of the latest request; -1: not pending
    double entry_at
    int64_t entry_seq  # of the entry that the heap has; -1: none


@cython.no_gc_clear  # whoever holds a port may call it, even a finalizer: its kernel must not vanish before it does
cdef class Port:
    """One node's place in the kernel; it is the node's `Outbox`. As `sim.port.Port`."""

    cdef Kernel kernel
    cdef readonly str name
    cdef object core_
    cdef object message_function  # a plain function to be called with the core, or something bound
    cdef object timer_function
    cdef public object disk
    cdef public object observer
    cdef list held  # effects that wait; None when nothing holds them
    cdef list current  # those that the sync in flight releases
    cdef dict links
    cdef list backlog
    cdef Dice *dice  # of this node; made at the first draw
    cdef tuple clock_  # (real seconds, local seconds, rate, local seconds without the jumps) at the last change
    cdef tuple cpu  # (seconds per delivery, when each core is free)
    cdef Timer *timers
    cdef dict slots  # name -> slot, once there are more than a FEW timers
    cdef int32_t timer_count, timer_room
    cdef readonly int32_t index
    cdef readonly int32_t incarnation
    cdef unsigned char alive, frozen, ready, message_plain, timer_plain  # small: there may be a hundred thousand of us

    def __cinit__(self):
        self.timers = NULL
        self.dice = NULL

    def __dealloc__(self):
        cdef int32_t i
        PyMem_Free(self.dice)
        for i in range(self.timer_count):
            Py_XDECREF(self.timers[i].name)
        PyMem_Free(self.timers)

    @property
    def up(self):
        """Whether a core runs here."""
        return self.alive != 0

    @property
    def paused(self):
        """Whether it is frozen."""
        return self.frozen != 0

    @property
    def core(self):
        """The core that runs here, or None."""
        return self.core_

    # --- Outbox ---

    def send(self, dst, message):
        """See `base.outbox.Outbox`."""
        if not self.alive:
            return
        if self.held is not None:
            self.held.append((SEND, dst, message))
            return
        self.transmit(dst, message)

    def reply(self, client, message):
        """See `base.outbox.Outbox`."""
        if not self.alive:
            return
        if self.held is not None:
            self.held.append((REPLY, client, message))
        else:
            self.emit(REPLY, client, message)

    def apply(self, index, command):
        """See `base.outbox.Outbox`."""
        if not self.alive:
            return
        if self.held is not None:
            self.held.append((APPLY, index, command))
        elif self.observer is not None:
            self.observer.applied(self.name, index, command)

    def persist(self, record):
        """See `base.outbox.Outbox`. Raises StorageError when the disk refuses."""
        if self.alive and self.disk is not None:
            self.disk.append(record)
            self.sync()

    def checkpoint(self, records):
        """See `base.outbox.Outbox`. Raises StorageError when the disk refuses."""
        if self.alive and self.disk is not None:
            self.disk.replace(records)
            self.sync()

    def set_timer(self, name, delay_s):
        """See `base.outbox.Outbox`. A change of the clock's rate does not touch timers that are pending."""
        cdef double delay, low, high, due
        cdef Timer *timer
        cdef Event event
        cdef Kernel kernel = self.kernel
        if not self.alive:
            return
        if PyTuple_Check(delay_s):
            low, high = delay_s
            delay = low + (high - low) * self.draw()
        else:
            delay = delay_s
        if self.clock_ is not None:
            delay = delay / <double>self.clock_[2]
        timer = self.timer(name, True)
        due = kernel.now + delay if delay > 0.0 else kernel.now
        timer.due = due
        timer.seq = kernel.seq
        kernel.seq += 1
        if timer.entry_seq < 0 or due < timer.entry_at:
            timer.entry_seq = timer.seq
            timer.entry_at = due
            event.due = due
            event.seq = timer.seq
            event.payload = NULL
            event.dst = self.index
            event.src = <int32_t>(timer - self.timers)
            event.kind = TIMER
            push(&kernel.heap, &event)

    def cancel_timer(self, name):
        """See `base.outbox.Outbox`."""
        cdef Timer *timer = self.timer(name, False)
        if timer != NULL:
            timer.seq = -1

    def clock(self):
        """See `base.outbox.Outbox`."""
        cdef double real, local, rate
        if self.clock_ is None:
            return self.kernel.now
        real, local, rate, _ = self.clock_
        return local + (self.kernel.now - real) * rate

    def monotonic(self):
        """The local clock without its jumps, seconds: it drifts with the rate, and never goes back."""
        return self.steady()

    cdef double steady(self) except? -1.0:
        cdef double real, steady, rate
        if self.clock_ is None:
            return self.kernel.now
        real, _, rate, steady = self.clock_
        return steady + (self.kernel.now - real) * rate

    def random(self):
        """See `base.outbox.Outbox`; the stream is `node/<name>`."""
        return self.draw()

    def when_durable(self, callback):
        """Call `callback` when everything persisted so far is durable: now or behind the barrier; never if the node dies."""
        if not self.alive:
            return
        if self.held is not None:
            self.held.append((TELL, callback, None))
        else:
            callback()

    # --- Life, as the world decides it ---

    def bind(self, core):
        """The node is up, with this core. The caller then calls `core.on_start()`."""
        assert not self.alive, f"{self.name} is up already"
        self.core_ = core
        self.message_function, self.message_plain = _method(core, "on_message")
        self.timer_function, self.timer_plain = _method(core, "on_timer")
        self.alive = True
        self.ready = self.cpu is None

    def unbind(self):
        """The node crashes: its timers, waiting effects, unhandled messages and the sync in flight are forgotten."""
        cdef int32_t i
        cdef tuple row
        self.alive = self.frozen = self.ready = False
        self.core_ = self.message_function = self.timer_function = None
        self.incarnation += 1
        self.held = self.current = None
        for i in range(self.timer_count):
            self.timers[i].seq = -1
        if self.backlog is not None:
            for row in self.backlog:
                if row[0] == TIMER:
                    i = row[2]
                    if self.timers[i].entry_seq == row[1]:
                        self.timers[i].entry_seq = -1
                elif row[0] == DELIVER or row[0] == SERVE:
                    self.kernel.dropped += 1
                elif row[0] == SEGMENT:  # it is not the process that answers these
                    i = row[2]
                    self.kernel.post_segment(self.kernel.now, <Port>self.kernel.ports[i], <Pipe?>row[3])
            self.backlog = None
        if self.cpu is not None:
            self.cpu = (self.cpu[0], [0.0] * len(self.cpu[1]))

    def pause(self):
        """Freeze the node: what becomes due for it is kept. No effect on a node that is down."""
        if self.alive:
            self.frozen = True
            self.ready = False

    def resume(self):
        """Unfreeze the node: it handles now, in order, what was kept."""
        cdef Kernel kernel = self.kernel
        cdef list backlog = self.backlog
        cdef Timer *timer
        cdef Event event
        cdef tuple row
        if not self.frozen:
            return
        self.frozen = False
        self.ready = self.alive and self.cpu is None
        self.backlog = None
        if backlog is None:
            return
        for row in backlog:
            event.kind, event.seq, event.src, message, event.sent_at, event.life = row
            event.dst = self.index
            event.payload = NULL
            if event.kind == TIMER:
                timer = &self.timers[event.src]
                if event.seq != timer.entry_seq:
                    continue
                if event.seq != timer.seq:
                    if timer.due < kernel.now:
                        timer.due = kernel.now
                    kernel.go_back(self, event.src)
                    continue
                timer.due = timer.entry_at = kernel.now
                timer.seq = timer.entry_seq = kernel.seq
            elif event.kind != SYNCED:
                Py_INCREF(message)
                event.payload = <PyObject *>message
            event.due = kernel.now
            event.seq = kernel.seq
            kernel.seq += 1
            push(&kernel.heap, &event)

    def set_clock(self, double offset_s, double rate):
        """Jump the local clock by `offset_s` seconds; from now on it runs `rate` times as fast as real time."""
        if not rate > 0.0:
            raise UsageError(f"a clock must run forward; got rate {rate}")
        self.clock_ = (self.kernel.now, self.clock() + offset_s, rate, self.steady())
        self.kernel.skewed = True

    @property
    def rate(self):
        """How fast the local clock runs against real time."""
        return 1.0 if self.clock_ is None else self.clock_[2]

    def set_cpu(self, int cores, double service_s):
        """Each delivery takes `service_s` seconds on one of `cores` CPUs, in order of arrival; 0: no time at all."""
        if cores < 1 or not service_s >= 0.0:
            raise UsageError(f"impossible CPU: {cores} cores, {service_s} s per delivery")
        self.cpu = (service_s, [0.0] * cores) if service_s > 0.0 else None
        self.ready = self.alive and not self.frozen and self.cpu is None

    # --- For the kernel, the links and reports ---

    def link_to(self, Port dst):
        """The link's own state, where it has any."""
        return self.links.get(dst) if self.links is not None else None

    def attach(self, Port dst, Link link):
        """Give the link to `dst` state of its own."""
        if self.links is None:
            self.links = {}
        self.links[dst] = link

    def pending(self):
        """Names of the timers that are armed."""
        cdef int32_t i
        return [<object>self.timers[i].name for i in range(self.timer_count) if self.timers[i].seq >= 0]

    # --- Inside ---

    cdef inline double draw(self) except? -1.0:
        if self.dice == NULL:
            self.dice = <Dice *>PyMem_Malloc(sizeof(Dice))
            if self.dice == NULL:
                raise MemoryError
            dice_seed(self.dice, self.kernel.seed, f"node/{self.name}")
        return dice_draw(self.dice)

    cdef Timer *timer(self, name, bint make) except? NULL:
        """The timer of that name; NULL where there is none and none is to be made."""
        cdef int32_t i
        cdef Timer *timer
        for i in range(self.timer_count if self.timer_count < FEW else FEW):
            if self.timers[i].name == <PyObject *>name:
                return &self.timers[i]
        if self.slots is not None:
            found = self.slots.get(name)
            if found is not None:
                return &self.timers[<int32_t>found]
        else:
            for i in range(self.timer_count):
                if <object>self.timers[i].name == name:
                    return &self.timers[i]
        if not make:
            return NULL
        if self.timer_count == self.timer_room:
            i = self.timer_room * 2 if self.timer_room else 1
            timer = <Timer *>PyMem_Realloc(self.timers, i * sizeof(Timer))
            if timer == NULL:
                raise MemoryError
            self.timers = timer
            self.timer_room = i
        timer = &self.timers[self.timer_count]
        Py_INCREF(name)
        timer.name = <PyObject *>name
        timer.seq = timer.entry_seq = -1
        self.timer_count += 1
        if self.slots is not None:
            self.slots[name] = self.timer_count - 1
        elif self.timer_count > FEW:
            self.slots = {<object>self.timers[i].name: i for i in range(self.timer_count)}
        return timer

    cdef int transmit(self, dst, message) except -1:
        cdef Kernel kernel = self.kernel
        cdef double now = kernel.now
        cdef int64_t seq = kernel.seq
        cdef PyObject *found
        cdef Port port
        cdef Link link
        cdef Event event
        kernel.seq += 1
        kernel.sent += 1
        found = PyDict_GetItemWithError(kernel.by_name, dst)
        if found == NULL:
            kernel.dropped += 1
            if kernel.tracer is not None:
                kernel.tracer.sent(seq, now, self.name, dst, message, None)
            return 0
        port = <Port>found
        if port is self:
            if kernel.tracer is not None:
                kernel.tracer.sent(seq, now, self.name, dst, message, now)
            return kernel.post(now, seq, port.index, self.index, message, now)
        link = None
        if self.links is not None:
            found = PyDict_GetItemWithError(self.links, port)
            if found != NULL:
                link = <Link>found
        if link is None:
            link = kernel.default
            if link.fifo or link.bandwidth > 0.0:
                link = kernel.links.between(self, port)
        if link.quick and kernel.tracer is None:
            event.due = now + (link.a + (link.b - link.a) * twister_draw(&kernel.network))
            event.seq = seq
            Py_INCREF(message)
            event.payload = <PyObject *>message
            event.sent_at = now
            event.dst = port.index
            event.src = self.index
            event.kind = DELIVER
            event.life = 0
            return push(&kernel.heap, &event)
        if link.state == OPEN:
            return kernel.put(link, self, port, message, seq, now)
        if link.state == CUT:
            kernel.dropped += 1
            if kernel.tracer is not None:
                kernel.tracer.sent(seq, now, self.name, dst, message, None)
        else:
            if link.held is None:
                link.held = []
            link.held.append((message, seq, now))
            if kernel.tracer is not None:
                kernel.tracer.sent(seq, now, self.name, dst, message, INFINITE)
        return 0

    cdef int emit(self, int op, target, value) except -1:
        if op == SEND:
            self.transmit(target, value)
        elif op == REPLY:
            if self.observer is not None:
                self.observer.replied(self.name, target, value)
            self.transmit(target, value)
        elif op == TELL:
            target()
        elif self.observer is not None:
            self.observer.applied(self.name, target, value)
        return 0

    cdef int sync(self) except -1:
        """A record was written: hold what follows until it is durable."""
        if self.current is None:
            self.begin([])
        elif self.held is self.current:
            self.held = []  # released by the sync after the one in flight
        return 0

    cdef int begin(self, list waiting) except -1:
        cdef Event event
        cdef double duration = self.disk.begin_sync()
        if duration > 0.0:
            self.current = self.held = waiting
            event.due = self.kernel.now + duration
            event.seq = self.kernel.seq
            event.payload = NULL
            event.sent_at = 0.0
            event.dst = self.index
            event.src = -1
            event.kind = SYNCED
            event.life = self.incarnation
            self.kernel.seq += 1
            push(&self.kernel.heap, &event)
        else:
            self.disk.end_sync()
            self.release(waiting)
        return 0

    cdef int synced(self) except -1:
        """The sync in flight has ended: release what waited for it, and begin the next where records came in between."""
        cdef list released = self.current, waiting
        cdef bint more
        self.disk.end_sync()
        self.current = None
        more = self.held is not released
        if not more:
            self.held = None
        self.release(released)
        if more and self.alive:
            waiting = self.held
            self.held = None
            self.begin(waiting)
        return 0

    cdef int release(self, list effects) except -1:
        cdef int32_t life = self.incarnation
        cdef tuple row
        if effects is None:
            return 0
        for row in effects:
            if self.incarnation != life:  # an observer of the last effect crashed the node
                return 0
            self.emit(row[0], row[1], row[2])
        return 0

    cdef double occupy(self) except? -1.0:
        """Queue one delivery for the CPU that is free first; returns when it will have been served."""
        cdef double service_s = self.cpu[0], first, done
        cdef list free = self.cpu[1]
        first = min(free)
        done = (first if first > self.kernel.now else self.kernel.now) + service_s
        free[free.index(first)] = done
        return done

    cdef int keep(self, Event *event) except -1:
        """Something became due while the node is paused."""
        if self.backlog is None:
            self.backlog = []
        message = <object>event.payload if event.payload != NULL else None
        self.backlog.append((event.kind, event.seq, event.src, message, event.sent_at, event.life))
        return 0


def _method(core, name):
    """What to call for `core.name`, and whether it is a plain function that takes the core first."""
    function = getattr(type(core), name, None)
    if type(function) is FunctionType and name not in getattr(core, "__dict__", ()):
        return function, True
    return getattr(core, name, None), False


# --- Pipes ---


cdef class Pipe:
    """The fast path of a connection's end. As `sim.pipe.Pipe`."""

    cdef public Kernel kernel
    cdef public Port port
    cdef public Pipe peer
    cdef public object context, received, flight, unread
    cdef public bint ready, flowing, opaque, stalled
    cdef public Py_ssize_t in_flight, window, segment_max
    cdef public double last_due

    def __init__(self, Kernel kernel not None, Port port not None, context):
        self.kernel = kernel
        self.port = port
        self.context = context
        self.window = WINDOW
        self.segment_max = SEGMENT_MAX
        self.flight = deque()

    def write(self, data):
        """Send `data`; never blocks. As `asyncio.WriteTransport.write`."""
        cdef Py_ssize_t size
        if self.ready and PyBytes_CheckExact(data):
            size = PyBytes_GET_SIZE(data)
            if 0 < size <= self.segment_max and self.in_flight + size <= self.window and self.put(data, size):
                return
        self.write_aside(data)

    def launch(self, item, Py_ssize_t size):
        """Put a segment, `size` bytes of payload, on the link. False while nothing passes it; then nothing was done."""
        return self.put(item, size)

    cdef bint put(self, item, Py_ssize_t size) except -1:
        cdef Kernel kernel = self.kernel
        cdef Pipe peer = self.peer
        cdef double due = kernel.segment(self.port, peer.port, size + HEADERS), last = self.last_due
        cdef uint64_t word = <uint64_t>size << 32
        if due < 0.0:
            return False
        self.in_flight += size
        if size and not self.opaque:
            word ^= <uint64_t>crc32(item)
        kernel.stir(word)
        if due <= last:
            due = last
            if size and last > kernel.now and len(peer.flight):
                before = peer.flight.pop()
                if PyBytes_CheckExact(before) and PyBytes_GET_SIZE(before) + size <= self.segment_max:
                    peer.flight.append(before + item)
                    return True
                peer.flight.append(before)
        self.last_due = due
        peer.flight.append(item)
        kernel.post_segment(due, self.port, peer)
        return True

    cdef int arrive(self) except -1:
        cdef Pipe peer
        cdef object raised = None
        if not len(self.flight):  # a crash of this host took what was on its way
            return 0
        item = self.flight.popleft()
        if not self.flowing or not PyBytes_CheckExact(item):
            self.receive_aside(item)
            return 0
        PyContext_Enter(self.context)
        try:
            PyObject_CallOneArg(self.received, item)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            raised = error
        finally:
            PyContext_Exit(self.context)
        if raised is not None:
            self.failed(raised, "Fatal error: protocol.data_received() call failed.")
        peer = self.peer
        if peer is None:  # the protocol closed this end, and the other one was closed
            return 0
        peer.in_flight -= PyBytes_GET_SIZE(item)
        if peer.stalled:
            self.acknowledge()
        return 0


# --- The kernel ---


cdef class Kernel:
    """One clock, one heap, one seed. As `sim.pure.Kernel`, whose docstring is the contract of both."""

    cdef readonly object seed
    cdef readonly str policy
    cdef readonly double now
    cdef public object after_event
    cdef public object tracer
    cdef public object on_error
    cdef readonly list on_heal, on_cut
    cdef readonly list index
    cdef readonly object loop
    cdef object failure
    cdef public int64_t sent, delivered, dropped, duplicated
    cdef readonly list ports
    cdef readonly object links
    cdef Link default
    cdef dict by_name
    cdef Events heap, due
    cdef int64_t seq
    cdef Twister network
    cdef Event here  # the event being handled; its payload is owned
    cdef bint at_event, running, stopping, skewed
    cdef uint64_t words[BLOCK]
    cdef int word_count, fold_at
    cdef int64_t folded, collect_at, index_every
    cdef uint64_t mixes
    cdef object hash
    cdef int choice
    cdef Twister schedule
    cdef double *priorities
    cdef Py_ssize_t priority_count, priority_room
    cdef int64_t step
    cdef list changes

    def __cinit__(self):
        self.heap.items = self.due.items = NULL
        self.priorities = NULL

    def __init__(self, seed, *, str policy="fifo", int depth=3, int64_t index=0):
        if policy not in POLICIES:
            raise UsageError(f"expected a schedule policy of {', '.join(POLICIES)}; got {policy!r}")
        self.seed = seed
        self.policy = policy
        self.ports = []
        self.by_name = {}
        self.on_heal = []
        self.on_cut = []
        self.index = []
        self.index_every = index
        self.collect_at = COLLECT_EVERY
        self.next_fold()
        self.hash = hashlib.blake2b(digest_size=8)
        twister_load(&self.network, busy_stream(seed, "network"))
        self.choice = POLICIES.index(policy)
        self.changes = []
        if self.choice != FIFO:
            twister_load(&self.schedule, busy_stream(seed, "schedule"))
        if self.choice == PCT:
            points = [(int(twister_draw(&self.schedule) * PCT_EVENTS), -1.0 - i) for i in range(depth - 1)]
            self.changes = sorted(points, reverse=True)
            self.admit()
        self.links = Links(self, Link)
        self.default = self.links.default

    def __dealloc__(self):
        self.drop_payloads()
        PyMem_Free(self.heap.items)
        PyMem_Free(self.due.items)
        PyMem_Free(self.priorities)

    # --- What a run is made of ---

    @property
    def events(self):
        """Events so far: whatever was taken off the heap and was not void."""
        return self.folded + self.word_count

    @property
    def fingerprint(self):
        """64 bits over all events so far; equal fingerprints mean equal runs."""
        self.fold()
        return int.from_bytes(self.hash.digest(), "little")

    @property
    def current(self):
        """(seq, t, kind, node, src, payload) of the event that a node handles, or whose handler raised; else None."""
        cdef Port port
        cdef Event *here = &self.here
        if not self.at_event or here.dst < 0:
            return None
        port = self.ports[here.dst]
        if here.kind == TIMER:
            return here.seq, self.now, "timer", port.name, None, <object>port.timers[here.src].name
        if here.kind == SYNCED:
            return here.seq, self.now, "synced", port.name, None, ""
        if here.kind == TASK:
            return here.seq, self.now, "task", port.name, None, ""
        if here.kind == SEGMENT:
            return here.seq, self.now, "segment", port.name, (<Port>self.ports[here.src]).name, ""
        return here.seq, self.now, "deliver", port.name, (<Port>self.ports[here.src]).name, <object>here.payload

    @property
    def pipe_type(self):
        """The class of the connection ends that run on this kernel."""
        return Pipe

    def stream(self, str name):
        """The stream of randomness `name` of this run."""
        return Stream(self.seed, name)

    def add_node(self, str name):
        """A place for a node. Raises UsageError when the name is taken."""
        cdef Port port
        if name in self.by_name:
            raise UsageError(f"two nodes are called {name!r}")
        port = Port.__new__(Port)
        port.kernel = self
        port.name = name
        port.index = <int32_t>len(self.ports)
        self.ports.append(port)
        self.by_name[name] = port
        if self.choice == PCT:
            self.admit()
        self.links.arrived(port)
        return port

    def port(self, str name):
        """The place of the node `name`, or None."""
        return self.by_name.get(name)

    # --- Callbacks ---

    def call_at(self, double when, callback, *args):
        """Run `callback(*args)` at virtual time `when`, or now if that is past."""
        return self.request(when if when > self.now else self.now, callback, args)

    def call_later(self, double delay, callback, *args):
        """Run `callback(*args)` after `delay` seconds."""
        return self.request(self.now + delay if delay > 0.0 else self.now, callback, args)

    def call_soon(self, callback, *args):
        """Run `callback(*args)` now, after everything that is due already."""
        return self.request(self.now, callback, args)

    cdef inline Handle request(self, double when, callback, tuple args):
        cdef Handle handle = Handle.__new__(Handle)
        cdef Event event
        handle.callback = callback
        handle.args = args
        event.due = when
        event.seq = self.seq
        Py_INCREF(handle)
        event.payload = <PyObject *>handle
        event.dst = -1
        event.kind = CALL
        self.seq += 1
        push(&self.heap, &event)
        return handle

    # --- Tasks: the asyncio tier ---

    # These four are called for each step of each task, so they take their arguments as the interpreter has them: see `TASK_SOON`.

    @property
    def task_at(self):
        """(when, callback, *args, context=None): run it in a context (or a copy of this one) when the host's clock shows `when`."""
        return PyCFunction_NewEx(&TASK_AT, self, None)

    @property
    def task_true(self):
        """As `task_at`, but at true virtual time, whatever the host's clock shows: the network has no clock."""
        return PyCFunction_NewEx(&TASK_TRUE, self, None)

    @property
    def task_later(self):
        """(delay, callback, *args, context=None): run it in a context after `delay` seconds of the host's clock."""
        return PyCFunction_NewEx(&TASK_LATER, self, None)

    @property
    def task_soon(self):
        """(callback, *args, context=None): run it in a context now, after everything that is due already."""
        return PyCFunction_NewEx(&TASK_SOON, self, None)

    def task_time(self):
        """The clock of the host that calls, without its jumps, seconds; virtual time outside of hosts."""
        return self.local_time()

    cdef inline double local_time(self) except? -1.0:
        """The clock of the host that calls."""
        if self.skewed:
            life = LIFE.get()
            if life is not None:
                return port_of(life).steady()
        return self.now

    cdef inline double true_time(self, double when) except? -1.0:
        """The virtual time at which the clock of the host that calls shows `when`."""
        if self.skewed:
            life = LIFE.get()
            if life is not None:
                return self.now + (when - port_of(life).steady()) / <double>life.port.rate
        return when

    cdef TaskHandle ask(self, double due, double when, PyObject **args, Py_ssize_t count, PyObject *names):
        """args: the callback, `count` - 1 arguments for it, and whatever `names` names: a context, if anything."""
        cdef TaskHandle handle
        cdef Event event
        cdef Py_ssize_t i
        cdef object context = None
        if names != NULL and PyTuple_GET_SIZE(<object>names):
            if PyTuple_GET_SIZE(<object>names) > 1 or (<tuple>names)[0] != "context":
                raise TypeError(f"expected a callback, its arguments, and a context; got {<object>names}")
            context = <object>args[count]
        if count < 1:
            raise TypeError("expected a callback")
        handle = TaskHandle.__new__(TaskHandle)
        handle.callback = <object>args[0]
        handle.arity = 0
        if count == 2:
            handle.arity = 1
            handle.single = <object>args[1]
        elif count > 2:
            handle.arity = 2
            handle.args = tuple([<object>args[i] for i in range(1, count)])
        handle.context = PyContext_CopyCurrent() if context is None else context
        handle.when_ = when
        event.due = due if due > self.now else self.now
        event.seq = self.seq
        event.payload = <PyObject *>handle
        event.dst = -1
        event.src = -1
        event.kind = TASK
        event.life = 0
        event.sent_at = 0.0
        if self.choice == PCT:
            life = handle.context.get(LIFE)
            if life is not None:
                event.dst = life.port.index
        Py_INCREF(handle)
        self.seq += 1
        push(&self.heap, &event)
        return handle

    def attach(self, loop):
        """Let `loop.enter()` and `loop.leave()` bracket every run, from now on."""
        assert self.loop is None, "a kernel has one loop"
        self.loop = loop
        if self.running:
            loop.enter()

    def fail(self, error):
        """Raise `error` out of the run, as if the handler of the current event had raised it; outside a run, at once."""
        if not self.running:
            raise error
        if self.failure is None:
            self.failure = error
        self.stop()

    # --- Running ---

    def run(self, double until=INFINITE, int64_t max_events=-1):
        """Handle events until virtual time `until` (inclusive), `max_events`, `stop`, or until nothing is left.

        Returns "until" (the clock then stands at `until`), "limit", "stopped" or "idle". Exceptions of handlers propagate.
        """
        cdef bint collecting
        assert not self.running, "run is not reentrant"
        if until < self.now:
            return "until"
        self.forget()
        self.failure = None
        collecting = PyGC_IsEnabled()
        PyGC_Disable()
        self.running = True
        self.stopping = False
        if self.loop is not None:
            self.loop.enter()
        try:
            reason = self.go(until, self.folded + self.word_count + max_events if max_events >= 0 else -1)
            if self.failure is not None:
                raise self.failure
            self.forget()
            return reason
        finally:
            self.running = False
            self.stopping = False
            if self.loop is not None:
                self.loop.leave()
            self.give_back()
            if collecting:
                PyGC_Enable()

    def stop(self):
        """End the current `run` after the event being handled; no effect outside a run."""
        if self.running:
            self.stopping = True

    cdef str go(self, double until, int64_t limit):
        cdef Event *here = &self.here
        cdef Port port
        cdef Handle handle
        cdef object callback, args
        while True:
            if self.word_count >= self.fold_at:
                self.fold()
                if self.folded >= self.collect_at:
                    self.collect()
            if self.stopping:
                return "stopped"
            if limit >= 0 and self.folded + self.word_count >= limit:
                return "limit"
            if self.heap.count == 0 and self.due.count == 0:
                return "idle"
            if self.due.count == 0 and self.heap.items[0].due > until:
                self.drop_void()
                if self.heap.count == 0:
                    return "idle"
                self.now = until
                return "until"
            self.forget()
            if self.choice == FIFO:
                pop(&self.heap, here)
            else:
                self.choose(here)
            self.at_event = True
            if here.kind == DELIVER:
                self.now = here.due
                port = <Port>self.ports[here.dst]
                if port.ready:
                    self.deliver(port, here)
                else:
                    self.deliver_aside(port, here)
            elif here.kind == TIMER:
                self.fire(<Port>self.ports[here.dst], here)
            elif here.kind == CALL:
                handle = <Handle>here.payload
                callback = handle.callback
                if callback is not None:
                    args = handle.args
                    self.now = here.due
                    self.note(CALL, NOBODY, NOBODY)
                    if len(<tuple>args) == 0:
                        PyObject_CallNoArgs(callback)
                    else:
                        PyObject_CallObject(callback, args)
            elif here.kind == TASK:
                self.task(<TaskHandle>here.payload, here)
            elif here.kind == SEGMENT:
                self.bring(<Pipe>here.payload, here)
            else:
                self.rest(<Port>self.ports[here.dst], here)

    cdef inline int deliver(self, Port port, Event *here) except -1:
        """Let the node handle a message."""
        cdef PyObject *args[4]
        cdef Port src = <Port>self.ports[here.src]
        cdef object core = port.core_, function = port.message_function
        self.note(here.kind, port.index, src.index)
        self.delivered += 1
        if self.tracer is not None:
            message = <object>here.payload
            self.tracer.dispatched(here.seq, self.now, "deliver", port.name, src.name, message, here.sent_at)
        args[0] = NULL
        args[1] = <PyObject *>core
        args[2] = <PyObject *>src.name
        args[3] = here.payload
        if port.message_plain:
            PyObject_Vectorcall(function, &args[1], 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
        else:
            PyObject_Vectorcall(function, &args[2], 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
        if self.after_event is not None:
            PyObject_CallOneArg(self.after_event, port.name)
        return 0

    cdef int fire(self, Port port, Event *here) except -1:
        cdef Timer *timer = &port.timers[here.src]
        cdef PyObject *args[3]
        cdef object core, function, name
        if here.seq != timer.entry_seq:
            return 0
        if here.seq != timer.seq:
            return self.go_back(port, here.src)
        self.now = here.due
        if port.frozen:
            return port.keep(here)
        timer.seq = timer.entry_seq = -1
        self.note(TIMER, port.index, here.src)
        name = <object>timer.name  # the array may move while the handler runs
        if self.tracer is not None:
            self.tracer.dispatched(here.seq, self.now, "timer", port.name, None, name, None)
        core, function = port.core_, port.timer_function
        args[0] = NULL
        args[1] = <PyObject *>core
        args[2] = <PyObject *>name
        if port.timer_plain:
            PyObject_Vectorcall(function, &args[1], 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
        else:
            PyObject_Vectorcall(function, &args[2], 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
        if self.after_event is not None:
            PyObject_CallOneArg(self.after_event, port.name)
        return 0

    cdef int go_back(self, Port port, int32_t slot) except -1:
        """Mend the heap's part of a timer: an entry came up whose timer was cancelled, or armed again meanwhile."""
        cdef Timer *timer = &port.timers[slot]
        cdef Event event
        if timer.seq < 0:
            timer.entry_seq = -1
            return 0
        timer.entry_seq = timer.seq
        timer.entry_at = timer.due
        event.due = timer.due
        event.seq = timer.seq
        event.payload = NULL
        event.dst = port.index
        event.src = slot
        event.kind = TIMER
        return push(&self.heap, &event)

    cdef int task(self, TaskHandle handle, Event *here) except -1:
        """Run a callback of the asyncio tier in its context, unless its host has died."""
        cdef object callback = handle.callback, context = handle.context, life
        cdef PyObject *found = NULL
        cdef Port port = None
        cdef object raised = None
        here.dst = -1
        if callback is None:
            return 0
        PyContext_Enter(context)
        try:
            PyContextVar_Get(LIFE, NULL, &found)
            life = <object>found
            Py_DECREF(life)
            if life is not None:
                if not lives(life):
                    return 0
                port = port_of(life)
            self.now = here.due
            if port is not None:
                if port.frozen:
                    return port.keep(here)
                here.dst = port.index
            self.note(TASK, NOBODY if port is None else port.index, NOBODY)
            if self.tracer is not None and hasattr(self.tracer, "stepped"):
                self.tracer.stepped(here.seq, self.now, None if port is None else port.name, handle)
            try:
                if handle.arity == 1:
                    PyObject_CallOneArg(callback, handle.single)
                elif handle.arity == 0:
                    PyObject_CallNoArgs(callback)
                else:
                    PyObject_CallObject(callback, handle.args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                if self.on_error is None:
                    raise
                raised = error
        finally:
            PyContext_Exit(context)
        if raised is not None:
            self.on_error(handle, raised)
        if port is not None and self.after_event is not None:
            PyObject_CallOneArg(self.after_event, port.name)
        return 0

    def segment_at(self, double due, Port src not None, Pipe pipe not None):
        """The next segment of `pipe` arrives at `due`, from `src`."""
        self.post_segment(due, src, pipe)

    cdef inline int post_segment(self, double due, Port src, Pipe pipe) except -1:
        cdef Event event
        event.due = due
        event.seq = self.seq
        event.payload = <PyObject *>pipe
        event.sent_at = 0.0
        event.dst = pipe.port.index
        event.src = src.index
        event.kind = SEGMENT
        event.life = 0
        Py_INCREF(pipe)
        self.seq += 1
        return push(&self.heap, &event)

    cdef int bring(self, Pipe pipe, Event *here) except -1:
        """A segment arrives."""
        cdef Port port = pipe.port
        self.now = here.due
        if port.frozen:
            return port.keep(here)
        self.note(SEGMENT, port.index, here.src)
        if self.tracer is not None and hasattr(self.tracer, "stepped"):
            self.tracer.stepped(here.seq, self.now, port.name, pipe)
        pipe.arrive()
        if self.after_event is not None:
            PyObject_CallOneArg(self.after_event, port.name)
        return 0

    cdef int deliver_aside(self, Port port, Event *here) except -1:
        """A message reached a node that is down, or paused, or has to queue for a CPU."""
        cdef Event event
        if not port.alive:
            return self.lose(port, here)
        if port.frozen:
            return port.keep(here)
        self.note(ARRIVE, port.index, here.src)
        event = here[0]
        event.due = port.occupy()
        event.seq = self.seq
        event.kind = SERVE
        event.life = port.incarnation
        self.seq += 1
        Py_INCREF(<object>event.payload)
        return push(&self.heap, &event)

    cdef int rest(self, Port port, Event *here) except -1:
        """The rarer kinds: the end of a sync, and a message that has had its CPU time."""
        if here.kind == SYNCED:
            if port.incarnation != here.life:
                return 0
            self.now = here.due
            if port.frozen:
                return port.keep(here)
            self.note(SYNCED, port.index, NOBODY)
            if self.tracer is not None:
                self.tracer.dispatched(here.seq, self.now, "synced", port.name, None, "", None)
            return port.synced()
        self.now = here.due
        if port.incarnation != here.life:
            return self.lose(port, here)
        if port.frozen:
            return port.keep(here)
        return self.deliver(port, here)

    cdef int lose(self, Port port, Event *here) except -1:
        self.note(LOST, port.index, here.src)
        self.dropped += 1
        if self.tracer is not None:
            src, message = (<Port>self.ports[here.src]).name, <object>here.payload
            self.tracer.dispatched(here.seq, self.now, "lost-at-node", port.name, src, message, here.sent_at)
        return 0

    cdef int drop_void(self) except -1:
        """Clear the top of the heap of entries that nothing will come of, so that an empty heap means idle."""
        cdef Event event
        cdef Event *top
        cdef Port port
        cdef Timer *timer
        while self.heap.count:
            top = &self.heap.items[0]
            if top.kind == TIMER:
                port = <Port>self.ports[top.dst]
                timer = &port.timers[top.src]
                if top.seq == timer.seq:
                    return 0
                pop(&self.heap, &event)
                if event.seq == timer.entry_seq:
                    self.go_back(port, event.src)
            elif top.kind == TASK and (<TaskHandle>top.payload).void():
                pop(&self.heap, &event)
                Py_DECREF(<object>event.payload)
            elif top.kind == CALL and (<Handle>top.payload).callback is None:
                pop(&self.heap, &event)
                Py_DECREF(<object>event.payload)
            elif top.kind == SYNCED and (<Port>self.ports[top.dst]).incarnation != top.life:
                pop(&self.heap, &event)
            else:
                return 0
        return 0

    cdef inline void forget(self) noexcept:
        """Let go of the event that was handled last."""
        cdef PyObject *payload
        if self.at_event:
            self.at_event = False
            payload = self.here.payload
            self.here.payload = NULL
            Py_XDECREF(payload)

    # --- Schedule policies: see `sim.schedule.Choice` ---

    cdef int choose(self, Event *chosen) except -1:
        cdef Py_ssize_t i = 0
        cdef double instant
        cdef Event event
        cdef Events *due = &self.due
        instant = due.items[0].due if due.count else self.heap.items[0].due
        while self.heap.count and self.heap.items[0].due <= instant:
            if due.count == due.room:
                reserve(due)
            pop(&self.heap, &due.items[due.count])
            due.count += 1
        if self.choice == RANDOM:
            if due.count > 1:
                i = <Py_ssize_t>(twister_draw(&self.schedule) * due.count)
        else:
            i = self.first()
            if self.changes and self.step >= self.changes[len(self.changes) - 1][0]:
                self.priorities[due.items[i].dst + 1] = self.changes.pop()[1]
                i = self.first()
            self.step += 1
        chosen[0] = due.items[i]
        due.count -= 1
        due.items[i] = due.items[due.count]
        return 0

    cdef Py_ssize_t first(self) noexcept:
        cdef Py_ssize_t i, best = 0
        cdef double here, there
        cdef Event *items = self.due.items
        for i in range(1, self.due.count):
            here = self.priorities[items[i].dst + 1]
            there = self.priorities[items[best].dst + 1]
            if here > there or (here == there and items[i].seq < items[best].seq):
                best = i
        return best

    cdef int give_back(self) except -1:
        cdef Py_ssize_t i
        for i in range(self.due.count):
            push(&self.heap, &self.due.items[i])
        self.due.count = 0
        return 0

    cdef int admit(self) except -1:
        """One more party of the schedule: its priority."""
        cdef double *grown
        cdef Py_ssize_t room
        if self.priority_count == self.priority_room:
            room = self.priority_room * 2 if self.priority_room else 16
            grown = <double *>PyMem_Realloc(self.priorities, room * sizeof(double))
            if grown == NULL:
                raise MemoryError
            self.priorities = grown
            self.priority_room = room
        self.priorities[self.priority_count] = twister_draw(&self.schedule)
        self.priority_count += 1
        return 0

    # --- Sending ---

    def forward(self, Link link not None, Port src not None, Port dst not None, message, int64_t seq, double sent_at):
        """Put a message on an open link: bandwidth, weather, latency, order."""
        self.put(link, src, dst, message, seq, sent_at)

    cdef int put(self, Link link, Port src, Port dst, message, int64_t seq, double sent_at) except -1:
        cdef double leave = self.leave(link, self.links.size_of(message) if link.bandwidth > 0.0 else 0.0)
        cdef bint lost, twice = False
        if link.rough:
            lost = twister_draw(&self.network) < link.drop
            twice = twister_draw(&self.network) < link.duplicate
            if lost:
                self.dropped += 1
                if self.tracer is not None:
                    self.tracer.sent(seq, sent_at, src.name, dst.name, message, None)
                return 0
        self.launch(link, src, dst, message, seq, sent_at, leave)
        if twice:
            self.duplicated += 1
            seq = self.seq
            self.seq += 1
            self.launch(link, src, dst, message, seq, sent_at, leave)
        return 0

    cdef int launch(self, Link link, Port src, Port dst, message, int64_t seq, double sent_at, double leave) except -1:
        cdef double due = self.cross(link, leave)
        if self.tracer is not None:
            self.tracer.sent(seq, sent_at, src.name, dst.name, message, due)
        return self.post(due, seq, dst.index, src.index, message, sent_at)

    cdef double cross(self, Link link, double leave) noexcept:
        """When something arrives that leaves at `leave`: latency, and the order of the link."""
        cdef double due, radius
        if link.kind == UNIFORM:
            due = leave + (link.a + (link.b - link.a) * twister_draw(&self.network))
        elif link.kind == CONSTANT:
            due = leave + link.a
        elif link.kind == EXPONENTIAL:
            due = leave + (link.a - link.b * log(1.0 - twister_draw(&self.network)))
        else:  # lognormal, by Box and Muller
            radius = sqrt(-2.0 * log(1.0 - twister_draw(&self.network)))
            due = leave + link.a * exp(link.b * (radius * cos(2.0 * PI * twister_draw(&self.network))))
        if link.slow_s > 0.0:
            due += link.slow_s * twister_draw(&self.network)
        if link.fifo:
            if due < link.last_due:
                due = link.last_due
            link.last_due = due
        return due

    # --- Packets of the asyncio tier ---

    def carry(self, Port src not None, Port dst not None, double size):
        """As the pure kernel's."""
        return self.segment(src, dst, size)

    cdef double segment(self, Port src, Port dst, double size) except? -2.0:
        """When a segment of TCP, `size` bytes, arrives that leaves now; -1.0 while nothing passes the link."""
        cdef double leave, timeout = FIRST_TIMEOUT
        cdef int lost = 0
        cdef Link link
        if src is dst:
            return self.now + LOOPBACK
        link = self.link(src, dst)
        if link.quick:
            return self.now + (link.a + (link.b - link.a) * twister_draw(&self.network))
        if link.state != OPEN:
            return -1.0
        leave = self.leave(link, size)
        if link.drop > 0.0:
            while twister_draw(&self.network) < link.drop:
                lost += 1
                if lost > LOSSES:
                    return -1.0
                leave += timeout
                timeout += timeout
        return self.cross(link, leave)

    def datagram(self, Port src not None, Port dst not None, double size):
        """As the pure kernel's."""
        cdef double leave, due
        cdef bint lost, twice = False
        cdef Link link
        if src is dst:
            return (self.now + LOOPBACK,)
        link = self.link(src, dst)
        if link.state != OPEN:
            return None if link.state == HOLD else ()
        leave = self.leave(link, size)
        if link.rough:
            lost = twister_draw(&self.network) < link.drop
            twice = twister_draw(&self.network) < link.duplicate
            if lost:
                return ()
        due = self.cross(link, leave)
        if twice:
            return due, self.cross(link, leave)
        return (due,)

    cdef Link link(self, Port src, Port dst):
        cdef PyObject *found
        if src.links is not None:
            found = PyDict_GetItemWithError(src.links, dst)
            if found != NULL:
                return <Link>found
        if self.default.fifo or self.default.bandwidth > 0.0:
            return self.links.between(src, dst)
        return self.default

    cdef inline double leave(self, Link link, double size) noexcept:
        """When the last of `size` bytes has left the queue of the link."""
        cdef double leave = self.now
        if link.bandwidth > 0.0:
            if link.busy_until > leave:
                leave = link.busy_until
            leave += size / link.bandwidth
            link.busy_until = leave
        return leave

    cdef inline int post(self, double due, int64_t seq, int32_t dst, int32_t src, message, double sent_at) except -1:
        cdef Event event
        event.due = due
        event.seq = seq
        Py_INCREF(message)
        event.payload = <PyObject *>message
        event.sent_at = sent_at
        event.dst = dst
        event.src = src
        event.kind = DELIVER
        event.life = 0
        return push(&self.heap, &event)

    # --- Reports ---

    def upcoming(self):
        """What the heap holds, in order: when it is due, its kind, and the node it is for; void entries excluded."""
        cdef Py_ssize_t i
        cdef Event *event
        cdef Port port
        cdef Timer *timer
        rows = []
        for i in range(self.heap.count):
            event = &self.heap.items[i]
            if event.kind == CALL:
                if (<Handle>event.payload).callback is not None:
                    rows.append((event.due, event.seq, event.due, "call", None))
            elif event.kind == TASK:
                if not (<TaskHandle>event.payload).void():
                    life = (<TaskHandle>event.payload).context.get(LIFE)
                    rows.append((event.due, event.seq, event.due, "task", None if life is None else life.port.name))
            elif event.kind == SEGMENT:
                rows.append((event.due, event.seq, event.due, "segment", (<Pipe>event.payload).port.name))
            else:
                port = <Port>self.ports[event.dst]
                if event.kind == TIMER:
                    timer = &port.timers[event.src]
                    if event.seq == timer.entry_seq and timer.seq >= 0:
                        rows.append((event.due, event.seq, timer.due, "timer", port.name))
                elif event.kind == DELIVER or event.life == port.incarnation:
                    rows.append((event.due, event.seq, event.due, "synced" if event.kind == SYNCED else "deliver", port.name))
        rows.sort()
        return sorted((row[2:] for row in rows), key=lambda row: row[0])

    def waiting(self):
        """Who waits for what: for reports of a run in which nothing can happen any more."""
        return waiting(self)

    # --- Fingerprint and garbage ---

    cdef inline void note(self, uint64_t kind, uint64_t index, uint64_t origin) noexcept:
        cdef uint64_t bits
        memcpy(&bits, &self.now, 8)
        self.words[self.word_count] = bits ^ ((kind << 56) | (index << 28) | origin)
        self.word_count += 1

    def mix(self, uint64_t word):
        """Fold a word of 64 bits into the fingerprint of the current event: what it sends, say."""
        self.stir(word)

    cdef inline int stir(self, uint64_t word) except -1:
        cdef uint64_t bits
        self.mixes += 1
        bits = (word ^ self.mixes) * SCRAMBLE
        bits ^= bits >> 29
        if self.word_count:
            self.words[self.word_count - 1] ^= bits
        else:
            self.hash.update(PyBytes_FromStringAndSize(<char *>&bits, 8))
        return 0

    cdef int fold(self) except -1:
        if self.word_count:
            self.hash.update(PyBytes_FromStringAndSize(<char *>self.words, 8 * self.word_count))
            self.folded += self.word_count
            self.word_count = 0
            if self.index_every and self.folded % self.index_every == 0:
                self.index.append((self.folded, int.from_bytes(self.hash.digest(), "little")))
            self.next_fold()
        return 0

    cdef void next_fold(self) noexcept:
        """Blocks end at multiples of BLOCK and of the index, whoever looked at the fingerprint in between."""
        self.fold_at = <int>(BLOCK - self.folded % BLOCK)
        if self.index_every and self.index_every - self.folded % self.index_every < self.fold_at:
            self.fold_at = <int>(self.index_every - self.folded % self.index_every)

    cdef void drop_payloads(self) noexcept:
        """Empty the heap: the kernel dies, or is part of a cycle that does."""
        cdef Event event
        while self.heap.count:
            pop(&self.heap, &event)
            Py_XDECREF(event.payload)
        while self.due.count:
            self.due.count -= 1
            Py_XDECREF(self.due.items[self.due.count].payload)
        self.forget()

    cdef int collect(self) except -1:
        import gc

        full = self.collect_at % (16 * COLLECT_EVERY) == 0
        self.collect_at += COLLECT_EVERY
        gc.collect(2 if full else 1)
        return 0


# --- What a loop calls for each step of a task ---

# A `def` with *args and a keyword would be given a tuple and a dict, which cost more than the request.


cdef object task_at(object self, PyObject **args, Py_ssize_t count, PyObject *names):
    if count < 1:
        raise TypeError("expected a time and a callback")
    cdef double when = <object>args[0]
    return (<Kernel>self).ask((<Kernel>self).true_time(when), when, args + 1, count - 1, names)


cdef object task_true(object self, PyObject **args, Py_ssize_t count, PyObject *names):
    if count < 1:
        raise TypeError("expected a time and a callback")
    cdef double when = <object>args[0]
    return (<Kernel>self).ask(when, when, args + 1, count - 1, names)


cdef object task_later(object self, PyObject **args, Py_ssize_t count, PyObject *names):
    if count < 1:
        raise TypeError("expected a delay and a callback")
    cdef double when = (<Kernel>self).local_time() + <double><object>args[0]
    return (<Kernel>self).ask((<Kernel>self).true_time(when), when, args + 1, count - 1, names)


cdef object task_soon(object self, PyObject **args, Py_ssize_t count, PyObject *names):
    cdef double when = (<Kernel>self).local_time()
    return (<Kernel>self).ask((<Kernel>self).now, when, args, count, names)


cdef PyMethodDef TASK_AT, TASK_TRUE, TASK_LATER, TASK_SOON
TASK_AT.ml_name, TASK_AT.ml_meth = "task_at", <void *>task_at
TASK_TRUE.ml_name, TASK_TRUE.ml_meth = "task_true", <void *>task_true
TASK_LATER.ml_name, TASK_LATER.ml_meth = "task_later", <void *>task_later
TASK_SOON.ml_name, TASK_SOON.ml_meth = "task_soon", <void *>task_soon
TASK_AT.ml_flags = TASK_TRUE.ml_flags = TASK_LATER.ml_flags = TASK_SOON.ml_flags = METH_FASTCALL | METH_KEYWORDS
TASK_AT.ml_doc = TASK_TRUE.ml_doc = TASK_LATER.ml_doc = TASK_SOON.ml_doc = NULL


# --- The collector's view of the heap ---

cdef traverseproc _cython_traverse = (<PyTypeObject *>Kernel).tp_traverse
cdef inquiry _cython_clear = (<PyTypeObject *>Kernel).tp_clear


cdef int _visit(Events *events, visitproc visit, void *arg) noexcept:
    cdef Py_ssize_t i
    cdef int result
    for i in range(events.count):
        if events.items[i].payload != NULL:
            result = visit(events.items[i].payload, arg)
            if result:
                return result
    return 0


cdef int _traverse(PyObject *self, visitproc visit, void *arg) noexcept:
    cdef int result = _cython_traverse(self, visit, arg)
    if not result:
        result = _visit(&(<Kernel>self).heap, visit, arg)
    if not result:
        result = _visit(&(<Kernel>self).due, visit, arg)
    if not result and (<Kernel>self).at_event and (<Kernel>self).here.payload != NULL:
        result = visit((<Kernel>self).here.payload, arg)
    return result


cdef int _clear(PyObject *self) noexcept:
    (<Kernel>self).drop_payloads()
    return _cython_clear(self)


(<PyTypeObject *>Kernel).tp_traverse = _traverse
(<PyTypeObject *>Kernel).tp_clear = _clear
