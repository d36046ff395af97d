# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, binding=False
"""The compiled search: the same program as `checkers/search.py`, over C arrays. Read that one first; this says what differs.

* A configuration is a row of 64-bit words: return and state; bits of pending operations that are in order; bits of pending writes
  that were used, if there are any writes that may hide; bits of optional operations that were used.
* Visited configurations are rows too, in the order of their first visit, found through a table of numbers with open addressing. Each
  has a chain of the sets of optional operations that it was visited with.
* What a class of calls does to a state is computed here for plain registers (`codes`); for any other specification it is asked
  once and remembered, in rows while there are few classes, in a table otherwise.

Configurations are visited in the same order as there: steps, depth and verdict are equal, whatever the budget.
"""

from cpython.array cimport array
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcpy, memset

from windtunnel.checkers.specification import ILLEGAL, canonical

__all__ = ["Levels", "Registers", "Search"]

cdef enum:
    ASK = -2
    NOT = -1
    DENSE_MAX = 2048

cdef enum:
    READ
    WRITE
    CAS
    CAS_UNEQUAL
    CAS_UNKNOWN
    KINDS


cdef inline uint64_t mixed(uint64_t h) noexcept nogil:
    h ^= h >> 32
    h *= <uint64_t>0xD6E8FEB86659FD93
    h ^= h >> 32
    h *= <uint64_t>0xD6E8FEB86659FD93
    return h ^ (h >> 32)


cdef int by_value(const void *a, const void *b) noexcept nogil:
    cdef int64_t x = (<const int64_t *>a)[0], y = (<const int64_t *>b)[0]
    return (x > y) - (x < y)


cdef void *room(size_t size) except NULL:
    """Zeroed memory, never NULL."""
    cdef void *found = calloc(size if size else 1, 1)
    if found == NULL:
        raise MemoryError
    return found


cdef void *grown(void *old, size_t size) except NULL:
    cdef void *found = realloc(old, size)
    if found == NULL:
        raise MemoryError
    return found


cdef class Search:
    """See `search.Search`; `traced` searches are left to that one.

    problem: of `problem.prepare`, not yet placed; None for a search that `Registers` made, until somebody sets it. stuck: number of the operation whose return could not be passed so far.
    """

    cdef public object problem
    cdef readonly int64_t steps
    cdef readonly int depth
    cdef readonly object came_from
    # --- the problem ---
    cdef int count, total, classes, live_words, used_words, crash_at, width, optional_count
    cdef int32_t *class_of
    cdef int32_t *slot
    cdef int32_t *returning
    cdef int32_t *first       # per return: where its candidates begin
    cdef int32_t *others      # per return: where those begin that change something
    cdef int32_t *candidates  # operations
    cdef int32_t *invited     # per return: optional operations invoked so far
    cdef int32_t *optional    # operations
    cdef uint8_t *reads_only
    cdef uint8_t *blind
    cdef bint native
    cdef int32_t *codes       # three per class: what it does, and up to two values
    cdef bint symmetry, dominance, useful, hiding
    cdef uint64_t *hidden     # scratch: bits of the writes that another one would hide
    # --- states ---
    cdef object specification
    cdef list calls
    cdef list states
    cdef dict numbers
    cdef int32_t **rows
    cdef int row_count
    cdef uint64_t *pair_keys
    cdef int32_t *pair_after
    cdef uint64_t pair_size, pair_held
    # --- what was visited ---
    cdef uint64_t *seen
    cdef int32_t *chain
    cdef int64_t held_count, seen_size
    cdef uint64_t *used_sets
    cdef int32_t *next_set
    cdef int64_t set_count, set_size
    cdef int32_t *table
    cdef uint64_t table_size
    cdef uint64_t *stack
    cdef int64_t stack_count, stack_size
    cdef int64_t *stamp
    cdef int64_t stamp_now
    cdef int crashes_lead_on  # at this branch: -1 not asked yet
    cdef uint64_t *here
    cdef uint64_t *child

    def __init__(self, problem, reductions):
        cdef int number, i
        cdef object codes
        if problem is None:
            return  # `Registers.search` fills it
        self.problem = problem
        self.specification = problem.specification
        self.calls = problem.classes
        self.states = list(problem.initial)
        self.classes = len(problem.classes)
        self.count = len(problem.class_of)
        self._allot()
        for i, number in enumerate(problem.class_of):
            self.class_of[i] = number
        for i in range(self.classes):
            self.reads_only[i] = problem.reads_only[i]
            self.blind[i] = problem.blind[i]
        self.symmetry = reductions.symmetry
        self.dominance = reductions.dominance
        self.useful = reductions.useful_crashes
        self.hiding = reductions.hidden_writes
        i = len(self.states)
        codes = self.specification.codes(self.calls, self.states)
        if codes is not None:
            self.native = True
            self.states = codes[0]
            self.codes = <int32_t *>room(3 * self.classes * sizeof(int32_t))
            for number in range(3 * self.classes):
                self.codes[number] = codes[1][number]
        else:
            self.numbers = {canonical(state): number for number, state in enumerate(self.states)}
        self._place(problem, reductions)
        self._begin(i)

    cdef int _allot(self) except -1:
        self.class_of = <int32_t *>room(self.count * sizeof(int32_t))
        self.slot = <int32_t *>room(self.count * sizeof(int32_t))
        self.returning = <int32_t *>room((self.count + 1) * sizeof(int32_t))
        self.first = <int32_t *>room((self.count + 1) * sizeof(int32_t))
        self.others = <int32_t *>room((self.count + 1) * sizeof(int32_t))
        self.invited = <int32_t *>room((self.count + 1) * sizeof(int32_t))
        self.optional = <int32_t *>room((self.count + 1) * sizeof(int32_t))
        self.reads_only = <uint8_t *>room(self.classes)
        self.blind = <uint8_t *>room(self.classes)
        self.stamp = <int64_t *>room(self.classes * sizeof(int64_t))
        return 0

    def __dealloc__(self):
        cdef int i
        for i in range(self.row_count):
            free(self.rows[i])
        free(self.rows)
        free(self.class_of)
        free(self.slot)
        free(self.returning)
        free(self.first)
        free(self.others)
        free(self.candidates)
        free(self.invited)
        free(self.optional)
        free(self.reads_only)
        free(self.blind)
        free(self.codes)
        free(self.pair_keys)
        free(self.pair_after)
        free(self.seen)
        free(self.chain)
        free(self.used_sets)
        free(self.next_set)
        free(self.table)
        free(self.stack)
        free(self.stamp)
        free(self.here)
        free(self.hidden)
        free(self.child)

    # --- Placing: as `problem.place` ---

    cdef int _place(self, object problem, object reductions) except -1:
        cdef int64_t *invoked = <int64_t *>room(self.count * sizeof(int64_t))
        cdef int64_t *ends = <int64_t *>room(self.count * sizeof(int64_t))
        cdef uint8_t *must = <uint8_t *>room(self.count)
        cdef int i
        cdef object start, end, is_due
        try:
            for i, (start, end, is_due) in enumerate(problem.spans()):
                invoked[i] = start
                ends[i] = end
                must[i] = is_due
            self._walk(invoked, ends, must, reductions.eager_reads)
        finally:
            free(invoked)
            free(ends)
            free(must)
        return 0

    cdef int _walk(self, int64_t *invoked, int64_t *ends, uint8_t *must, bint eager) except -1:
        """Give every operation a bit, and write down at every return what is pending there."""
        cdef int n = self.count, i, j, k, events = 0, number, used = 0, free_count = 0, pending_count = 0, entry, size
        cdef bint any_blind
        cdef int64_t *order = <int64_t *>room(2 * n * sizeof(int64_t))
        cdef int32_t *unused = NULL
        cdef int32_t *pending = NULL
        try:
            unused = <int32_t *>room(n * sizeof(int32_t))
            pending = <int32_t *>room((n + 1) * sizeof(int32_t))
            events = self._events(invoked, ends, must, order)
            size = 4 * n + 64
            self.candidates = <int32_t *>room(size * sizeof(int32_t))
            entry = 0
            for i in range(events):
                number = <int>(order[i] >> 1)
                if order[i] & 1:
                    if entry + pending_count > size:
                        size = 2 * size + pending_count
                        self.candidates = <int32_t *>grown(self.candidates, size * sizeof(int32_t))
                    self.returning[self.total] = number
                    self.first[self.total] = entry
                    self.invited[self.total] = self.optional_count
                    for j in range(pending_count):
                        if eager and self.reads_only[self.class_of[pending[j]]]:
                            self.candidates[entry] = pending[j]
                            entry += 1
                    self.others[self.total] = entry
                    for j in range(pending_count):
                        if not (eager and self.reads_only[self.class_of[pending[j]]]):
                            self.candidates[entry] = pending[j]
                            entry += 1
                    self.total += 1
                    j = 0
                    while pending[j] != number:
                        j += 1
                    pending_count -= 1
                    for k in range(j, pending_count):
                        pending[k] = pending[k + 1]
                    unused[free_count] = self.slot[number]
                    free_count += 1
                elif must[number]:
                    if free_count:
                        free_count -= 1
                        self.slot[number] = unused[free_count]
                    else:
                        self.slot[number] = used
                        used += 1
                    j = pending_count
                    while j > 0 and (ends[pending[j - 1]] > ends[number]
                                     or (ends[pending[j - 1]] == ends[number] and pending[j - 1] > number)):
                        pending[j] = pending[j - 1]
                        j -= 1
                    pending[j] = number
                    pending_count += 1
                else:
                    self.slot[number] = self.optional_count
                    self.optional[self.optional_count] = number
                    self.optional_count += 1
            self.first[self.total] = entry
        finally:
            free(order)
            free(unused)
            free(pending)
        self.live_words = (used + 63) >> 6
        if self.live_words == 0:
            self.live_words = 1
        self.used_words = (self.optional_count + 63) >> 6
        any_blind = False
        for i in range(self.classes):
            any_blind = any_blind or self.blind[i]
        self.hiding = self.hiding and any_blind
        self.crash_at = 1 + self.live_words
        if self.hiding:
            self.crash_at += self.live_words
            self.used_words += self.live_words
        self.hidden = <uint64_t *>room(self.live_words * sizeof(uint64_t))
        self.width = 1 + self.live_words + self.used_words
        return 0

    cdef int _events(self, int64_t *invoked, int64_t *ends, uint8_t *must, int64_t *order) except -1:
        """Events as 2 * operation + (1 for a return), sorted by position, operation, kind; how many."""
        cdef int n = self.count, i, events = 0
        cdef int64_t latest = 0
        cdef int32_t *at
        cdef bint apart = True
        for i in range(n):
            if invoked[i] > latest:
                latest = invoked[i]
            if must[i] and ends[i] > latest:
                latest = ends[i]
        if latest < 16 * <int64_t>n + 64:  # positions are numbers of events: each has a place of its own
            at = <int32_t *>room((latest + 1) * sizeof(int32_t))
            try:
                for i in range(n):
                    apart = apart and at[invoked[i]] == 0
                    at[invoked[i]] = 2 * i + 1
                    if must[i]:
                        apart = apart and at[ends[i]] == 0
                        at[ends[i]] = 2 * i + 2
                if apart:
                    for i in range(<int>latest + 1):
                        if at[i]:
                            order[events] = at[i] - 1
                            events += 1
                    return events
            finally:
                free(at)
        if latest >= <int64_t>1 << 31:
            raise OverflowError("positions of events are below 2 ** 31")
        for i in range(n):
            order[events] = invoked[i] << 32 | <int64_t>i << 1
            events += 1
            if must[i]:
                order[events] = ends[i] << 32 | <int64_t>i << 1 | 1
                events += 1
        qsort(order, events, sizeof(int64_t), by_value)
        for i in range(events):
            order[i] &= 0xFFFFFFFF
        return events

    cdef int _begin(self, int states) except -1:
        """Room for the search, and its first configurations: one per initial state."""
        cdef int i
        self.here = <uint64_t *>room(self.width * sizeof(uint64_t))
        self.child = <uint64_t *>room(self.width * sizeof(uint64_t))
        self.table_size = 256
        self.table = <int32_t *>room(self.table_size * sizeof(int32_t))
        self.seen_size = 128
        self.seen = <uint64_t *>room(self.seen_size * (1 + self.live_words) * sizeof(uint64_t))
        self.chain = <int32_t *>room(self.seen_size * sizeof(int32_t))
        if self.used_words:
            self.set_size = 128
            self.used_sets = <uint64_t *>room(self.set_size * self.used_words * sizeof(uint64_t))
            self.next_set = <int32_t *>room(self.set_size * sizeof(int32_t))
        self.set_count = 1  # 0 ends a chain
        self.stack_size = max(64, states)
        self.stack = <uint64_t *>room(self.stack_size * self.width * sizeof(uint64_t))
        self.stack_count = states
        for i in range(states):
            self.stack[i * self.width] = <uint64_t>i
        return 0

    # --- States ---

    cdef inline int _after(self, int state, int number) except -3:
        """The number of the state after a call, -1 if it is illegal."""
        cdef int32_t *code
        if self.native:
            code = self.codes + 3 * number
            if code[0] == READ:
                return state if state == code[1] else NOT
            if code[0] == WRITE:
                return code[1]
            if code[0] == CAS:
                return code[2] if state == code[1] else NOT
            if code[0] == CAS_UNEQUAL:
                return NOT if state == code[1] else state
            return code[2] if state == code[1] else state
        if state < self.row_count and self.rows[state] != NULL and self.rows[state][number] != ASK:
            return self.rows[state][number]
        return self._asked(state, number)

    cdef int _asked(self, int state, int number) except -3:
        """From the table, or by asking the specification."""
        cdef int i, size
        cdef int32_t result
        cdef uint64_t key, at
        if self.classes > DENSE_MAX:
            key = (<uint64_t>state << 32 | <uint64_t>number) + 1
            if self.pair_size == 0:
                self.pair_size = 1024
                self.pair_keys = <uint64_t *>room(self.pair_size * sizeof(uint64_t))
                self.pair_after = <int32_t *>room(self.pair_size * sizeof(int32_t))
            at = mixed(key) & (self.pair_size - 1)
            while self.pair_keys[at]:
                if self.pair_keys[at] == key:
                    return self.pair_after[at]
                at = (at + 1) & (self.pair_size - 1)
            result = self._stepped(state, number)
            self.pair_keys[at] = key
            self.pair_after[at] = result
            self.pair_held += 1
            if 2 * self.pair_held > self.pair_size:
                self._more_pairs()
            return result
        if state >= self.row_count:
            size = max(16, 2 * state)
            self.rows = <int32_t **>grown(self.rows, size * sizeof(int32_t *))
            for i in range(self.row_count, size):
                self.rows[i] = NULL
            self.row_count = size
        if self.rows[state] == NULL:
            self.rows[state] = <int32_t *>room(self.classes * sizeof(int32_t))
            for i in range(self.classes):
                self.rows[state][i] = ASK
        if self.rows[state][number] == ASK:
            result = self._stepped(state, number)
            self.rows[state][number] = result
        return self.rows[state][number]

    cdef int _more_pairs(self) except -1:
        cdef uint64_t *keys = self.pair_keys
        cdef int32_t *after = self.pair_after
        cdef uint64_t old = self.pair_size, i, at
        self.pair_size = 2 * old
        self.pair_keys = <uint64_t *>room(self.pair_size * sizeof(uint64_t))
        self.pair_after = <int32_t *>room(self.pair_size * sizeof(int32_t))
        for i in range(old):
            if keys[i]:
                at = mixed(keys[i]) & (self.pair_size - 1)
                while self.pair_keys[at]:
                    at = (at + 1) & (self.pair_size - 1)
                self.pair_keys[at] = keys[i]
                self.pair_after[at] = after[i]
        free(keys)
        free(after)
        return 0

    cdef int _stepped(self, int state, int number) except -3:
        cdef object after = self.specification.step(self.states[state], self.calls[number])
        cdef object key, found
        cdef int result
        if after is ILLEGAL:
            return NOT
        key = canonical(after)
        found = self.numbers.get(key)
        if found is None:
            found = self.numbers[key] = len(self.states)
            self.states.append(after)
        result = found
        assert result == state or not self.reads_only[number], "a call that only reads changed the state"
        return result

    # --- The search ---

    @property
    def held(self):
        """How many configurations are remembered."""
        return self.held_count

    @property
    def stuck(self):
        """The number of the operation whose return could not be passed so far."""
        return self.returning[self.depth]

    @property
    def returns(self):
        """How many returns there are."""
        return self.total

    def run(self, int64_t steps):
        """Go on for at most so many steps: True, there is a legal order; False, there is none; None, not known yet."""
        cdef int64_t last = self.steps + steps
        cdef int at, state, k, number, slot, after
        cdef uint64_t *live = self.here + 1
        cdef uint64_t *taken = live + self.live_words  # bits of used writes, if hiding
        cdef uint64_t bit
        cdef size_t size = self.width * sizeof(uint64_t)
        while self.stack_count:
            if self.steps >= last:
                return None
            self.stack_count -= 1
            memcpy(self.here, self.stack + self.stack_count * self.width, size)
            at = <int>(self.here[0] >> 32)
            state = <int>(self.here[0] & 0xFFFFFFFF)
            while at < self.total:
                for k in range(self.first[at], self.others[at]):
                    number = self.candidates[k]
                    slot = self.slot[number]
                    if not live[slot >> 6] >> (slot & 63) & 1:
                        after = self._after(state, self.class_of[number])
                        if after == state:
                            live[slot >> 6] |= <uint64_t>1 << (slot & 63)
                slot = self.slot[self.returning[at]]
                bit = <uint64_t>1 << (slot & 63)
                if not live[slot >> 6] & bit:
                    break
                live[slot >> 6] ^= bit
                if self.hiding:
                    if taken[slot >> 6] & bit:
                        taken[slot >> 6] ^= bit
                    elif self.blind[self.class_of[self.returning[at]]]:  # hidden so far, but it may be used
                        self._reserve(1)
                        self.here[0] = <uint64_t>at << 32 | <uint64_t>state
                        memcpy(self.stack + self.stack_count * self.width, self.here, size)
                        self.stack_count += 1
                at += 1
            else:
                return True
            self.here[0] = <uint64_t>at << 32 | <uint64_t>state
            if not self._fresh():
                continue
            self.steps += 1
            if at > self.depth:
                self.depth = at
            self._branch(at, state)
        return False

    cdef bint _fresh(self) except -1:
        """Whether the configuration at hand is worth a visit; remembers it if so."""
        cdef int words = 1 + self.live_words, i
        cdef uint64_t h = 0, at
        cdef uint64_t *row
        cdef uint64_t *used = self.here + words
        cdef int32_t found, one
        for i in range(words):
            h = mixed(h ^ self.here[i])
        at = h & (self.table_size - 1)
        while True:
            found = self.table[at]
            if found == 0:
                break
            row = self.seen + <int64_t>(found - 1) * words
            i = 0
            while i < words and row[i] == self.here[i]:
                i += 1
            if i == words:
                break
            at = (at + 1) & (self.table_size - 1)
        if found:
            if self.used_words == 0:
                return False
            one = self.chain[found - 1]
            while one:
                row = self.used_sets + <int64_t>one * self.used_words
                i = 0
                if self.dominance:
                    while i < self.used_words and row[i] & ~used[i] == 0:
                        i += 1
                else:
                    while i < self.used_words and row[i] == used[i]:
                        i += 1
                if i == self.used_words:
                    return False
                one = self.next_set[one]
        else:
            if self.held_count == self.seen_size:
                self.seen_size *= 2
                self.seen = <uint64_t *>grown(self.seen, self.seen_size * words * sizeof(uint64_t))
                self.chain = <int32_t *>grown(self.chain, self.seen_size * sizeof(int32_t))
            memcpy(self.seen + self.held_count * words, self.here, words * sizeof(uint64_t))
            self.chain[self.held_count] = 0
            self.held_count += 1
            found = <int32_t>self.held_count
            self.table[at] = found
            if 2 * <uint64_t>self.held_count > self.table_size:
                self._rehash()
        if self.used_words:
            if self.set_count == self.set_size:
                self.set_size *= 2
                self.used_sets = <uint64_t *>grown(self.used_sets, self.set_size * self.used_words * sizeof(uint64_t))
                self.next_set = <int32_t *>grown(self.next_set, self.set_size * sizeof(int32_t))
            memcpy(self.used_sets + self.set_count * self.used_words, used, self.used_words * sizeof(uint64_t))
            self.next_set[self.set_count] = self.chain[found - 1]
            self.chain[found - 1] = <int32_t>self.set_count
            self.set_count += 1
        return True

    cdef int _rehash(self) except -1:
        cdef int words = 1 + self.live_words, i
        cdef int64_t row
        cdef uint64_t h, at
        free(self.table)
        self.table = NULL
        self.table_size *= 4
        self.table = <int32_t *>room(self.table_size * sizeof(int32_t))
        for row in range(self.held_count):
            h = 0
            for i in range(words):
                h = mixed(h ^ self.seen[row * words + i])
            at = h & (self.table_size - 1)
            while self.table[at]:
                at = (at + 1) & (self.table_size - 1)
            self.table[at] = <int32_t>(row + 1)
        return 0

    cdef int _branch(self, int at, int state) except -1:
        """Push every configuration that one more operation leads to; who must return first is popped first."""
        cdef int k, number, slot, kind, after
        cdef int count = self.invited[at]
        cdef int64_t begun = self.stack_count, i, j
        cdef uint64_t *live = self.here + 1
        cdef uint64_t *taken = live + self.live_words
        cdef uint64_t *used = self.here + self.crash_at
        cdef uint64_t *row
        cdef uint64_t bit
        cdef bint hides
        cdef int must = self.returning[at]
        cdef size_t size = self.width * sizeof(uint64_t)
        self.stamp_now += 1
        self.crashes_lead_on = -1
        if self.hiding:
            memset(self.hidden, 0, self.live_words * sizeof(uint64_t))
            for k in range(self.others[at], self.first[at + 1]):
                number = self.candidates[k]
                if number != must and self.blind[self.class_of[number]]:
                    slot = self.slot[number]
                    self.hidden[slot >> 6] |= <uint64_t>1 << (slot & 63)
        self._reserve(self.first[at + 1] - self.others[at] + count)
        for k in range(self.others[at], self.first[at + 1]):
            number = self.candidates[k]
            slot = self.slot[number]
            kind = self.class_of[number]
            bit = <uint64_t>1 << (slot & 63)
            hides = self.hiding and self.blind[kind]
            if self.stamp[kind] == self.stamp_now or (live[slot >> 6] & bit and not (hides and not taken[slot >> 6] & bit)):
                continue
            if self.symmetry:
                self.stamp[kind] = self.stamp_now
            after = self._after(state, kind)
            if after < 0:
                continue
            if not hides:
                self._push(at, after, 1 + (slot >> 6), bit)
            elif number == must or self._leads_on(at, after):
                row = self.stack + self.stack_count * self.width
                self._push(at, after, 1 + (slot >> 6), bit)
                row[1 + self.live_words + (slot >> 6)] |= bit
                for i in range(self.live_words):
                    row[1 + i] |= self.hidden[i]
        for k in range(count):
            kind = self.class_of[self.optional[k]]
            if used[k >> 6] >> (k & 63) & 1 or self.stamp[kind] == self.stamp_now:
                continue
            if self.symmetry:
                self.stamp[kind] = self.stamp_now
            after = self._after(state, kind)
            if after < 0 or (self.useful and (after == state or not self._is_useful(at, state, after, k))):
                continue
            self._push(at, after, self.crash_at + (k >> 6), <uint64_t>1 << (k & 63))
        i, j = begun, self.stack_count - 1
        while i < j:  # the first candidate is popped first
            memcpy(self.child, self.stack + i * self.width, size)
            memcpy(self.stack + i * self.width, self.stack + j * self.width, size)
            memcpy(self.stack + j * self.width, self.child, size)
            i += 1
            j -= 1
        return 0

    cdef inline int _reserve(self, int more) except -1:
        if self.stack_count + more > self.stack_size:
            self.stack_size = 2 * self.stack_size + more
            self.stack = <uint64_t *>grown(self.stack, self.stack_size * self.width * sizeof(uint64_t))
        return 0

    cdef inline void _push(self, int at, int after, int word, uint64_t bit) noexcept:
        cdef uint64_t *row = self.stack + self.stack_count * self.width
        memcpy(row, self.here, self.width * sizeof(uint64_t))
        row[0] = <uint64_t>at << 32 | <uint64_t>after
        row[word] |= bit
        self.stack_count += 1

    cdef bint _leads_on(self, int at, int after) except -1:
        """Whether something that is not blind may follow a write that leads to `after`, or an unanswered write that is useful."""
        cdef int k, j, kind, then
        cdef uint64_t *used = self.here + self.crash_at
        if self._sees(at, after):
            return True
        for k in range(self.invited[at]):
            kind = self.class_of[self.optional[k]]
            if self.blind[kind] or used[k >> 6] >> (k & 63) & 1:
                continue
            then = self._after(after, kind)
            if then >= 0 and then != after:
                return True
        if self.crashes_lead_on < 0:
            self.crashes_lead_on = 0
            for k in range(self.invited[at]):
                kind = self.class_of[self.optional[k]]
                if not self.blind[kind] or used[k >> 6] >> (k & 63) & 1:
                    continue
                then = self._after(after, kind)
                if self._sees(at, then):
                    self.crashes_lead_on = 1
                for j in range(self.invited[at]):
                    kind = self.class_of[self.optional[j]]
                    if not self.blind[kind] and not used[j >> 6] >> (j & 63) & 1 and self._after(then, kind) >= 0:
                        self.crashes_lead_on = 1
                        break
                if self.crashes_lead_on:
                    break
        return self.crashes_lead_on == 1

    cdef bint _sees(self, int at, int state) except -1:
        """Whether some pending operation that is not blind is legal in that state."""
        cdef int k, number, slot, kind
        cdef uint64_t *live = self.here + 1
        for k in range(self.first[at], self.first[at + 1]):
            number = self.candidates[k]
            slot = self.slot[number]
            kind = self.class_of[number]
            if not self.blind[kind] and not live[slot >> 6] >> (slot & 63) & 1 and self._after(state, kind) >= 0:
                return True
        return False

    cdef bint _is_useful(self, int at, int state, int after, int chosen) except -1:
        """Whether some pending operation is legal in `after`, and illegal or of another effect in `state`."""
        cdef int k, number, slot, kind, then
        cdef uint64_t *live = self.here + 1
        cdef uint64_t *used = self.here + self.crash_at
        for k in range(self.first[at], self.first[at + 1]):
            number = self.candidates[k]
            slot = self.slot[number]
            kind = self.class_of[number]
            if self.blind[kind] or live[slot >> 6] >> (slot & 63) & 1:
                continue
            then = self._after(after, kind)
            if then >= 0 and then != self._after(state, kind):
                return True
        for k in range(self.invited[at]):
            kind = self.class_of[self.optional[k]]
            if k == chosen or self.blind[kind] or used[k >> 6] >> (k & 63) & 1:
                continue
            then = self._after(after, kind)
            if then >= 0 and then != self._after(state, kind):
                return True
        return False

    # --- For explanations ---

    def state(self, int number):
        """The state of that number."""
        return self.states[number]

    def after(self, int state, int operation):
        """The number of the state after an operation, -1 if it is illegal."""
        return self._after(state, self.class_of[operation])

    def deepest(self):
        """The configurations that came furthest: all of them when the search has ended without an order."""
        cdef int words = 1 + self.live_words, i
        cdef int64_t row
        cdef int32_t one
        found = []
        for row in range(self.held_count):
            if <int>(self.seen[row * words] >> 32) != self.depth:
                continue
            ordered = 0
            for i in range(self.live_words):
                ordered |= <object>self.seen[row * words + 1 + i] << (64 * i)
            masks = []
            one = self.chain[row]
            while one:
                mask = 0
                for i in range(self.used_words):
                    word = <object>self.used_sets[<int64_t>one * self.used_words + i]
                    if not self.hiding:
                        mask |= word << (64 * i)
                    elif i < self.live_words:  # above the bits of optional operations, as in the pure search
                        mask |= word << (64 * i + self.optional_count)
                    else:
                        mask |= word << (64 * (i - self.live_words))
                masks.append(mask)
                one = self.next_set[one]
            state = <int>(self.seen[row * words] & 0xFFFFFFFF)
            found += [(self.depth, ordered, mask, state) for mask in reversed(masks or [0])]
        return found


cdef class Antichain:
    """As `levels.Antichain`. Rows: state, bits in order, bits used; those of a key are chained, and dead ones stay as gaps."""

    cdef int live, used_words, width
    cdef bint dominance
    cdef uint64_t *free_bits
    cdef uint64_t *rows
    cdef int32_t *chain
    cdef uint8_t *alive
    cdef int32_t *table
    cdef int64_t count, size, held
    cdef uint64_t table_size

    def __init__(self, int live, int used_words, bint dominance):
        self.live = live
        self.used_words = used_words
        self.width = 1 + live + used_words
        self.dominance = dominance
        self.free_bits = <uint64_t *>room(live * sizeof(uint64_t))
        self.size = 64
        self.rows = <uint64_t *>room(self.size * self.width * sizeof(uint64_t))
        self.chain = <int32_t *>room(self.size * sizeof(int32_t))
        self.alive = <uint8_t *>room(self.size)
        self.table_size = 256
        self.table = <int32_t *>room(self.table_size * sizeof(int32_t))

    def __dealloc__(self):
        free(self.free_bits)
        free(self.rows)
        free(self.chain)
        free(self.alive)
        free(self.table)

    cdef int clear(self, uint64_t *free_bits) except -1:
        """Begin anew, with other bits that may be compared."""
        self.count = 0
        self.held = 0
        memset(self.table, 0, self.table_size * sizeof(int32_t))
        if self.dominance:
            memcpy(self.free_bits, free_bits, self.live * sizeof(uint64_t))
        return 0

    cdef inline uint64_t place(self, uint64_t *row) noexcept:
        """Where the key of a row is in the table, or is missing."""
        cdef uint64_t at, h = mixed(row[0] & 0xFFFFFFFF)
        cdef uint64_t *other
        cdef int i
        for i in range(self.live):
            h = mixed(h ^ (row[1 + i] & ~self.free_bits[i]))
        at = h & (self.table_size - 1)
        while self.table[at]:
            other = self.rows + <int64_t>(self.table[at] - 1) * self.width
            if (other[0] ^ row[0]) & 0xFFFFFFFF == 0:
                i = 0
                while i < self.live and (other[1 + i] ^ row[1 + i]) & ~self.free_bits[i] == 0:
                    i += 1
                if i == self.live:
                    break
            at = (at + 1) & (self.table_size - 1)
        return at

    cdef inline bint dominates(self, uint64_t *a, uint64_t *b) noexcept:
        """Whether `a` can do whatever `b` can; both have one key. Without dominance, whether they are the same."""
        cdef int i
        cdef int end = 1 + self.live
        if not self.dominance:
            for i in range(1, self.width):
                if a[i] != b[i]:
                    return False
            return True
        for i in range(end, self.width):
            if a[i] & ~b[i]:
                return False
        for i in range(1, end):
            if self.free_bits[i - 1] & b[i] & ~a[i]:
                return False
        return True

    cdef bint add(self, uint64_t *row) except -1:
        """Take a configuration in, and those out that it dominates; False if one that is here dominates it."""
        cdef uint64_t at = self.place(row)
        cdef int32_t one = self.table[at], before = 0, following, head
        while one:
            if self.dominates(self.rows + <int64_t>(one - 1) * self.width, row):
                return False
            one = self.chain[one - 1]
        head = one = self.table[at]
        while one:
            following = self.chain[one - 1]
            if self.dominance and self.dominates(row, self.rows + <int64_t>(one - 1) * self.width):
                self.alive[one - 1] = 0
                self.held -= 1
                if before:
                    self.chain[before - 1] = following
                else:
                    head = following
            else:
                before = one
            one = following
        if self.count == self.size:
            self.size *= 2
            self.rows = <uint64_t *>grown(self.rows, self.size * self.width * sizeof(uint64_t))
            self.chain = <int32_t *>grown(self.chain, self.size * sizeof(int32_t))
            self.alive = <uint8_t *>grown(self.alive, self.size)
        memcpy(self.rows + self.count * self.width, row, self.width * sizeof(uint64_t))
        self.alive[self.count] = 1
        self.chain[self.count] = head
        self.count += 1
        self.held += 1
        self.table[at] = <int32_t>self.count
        if 2 * <uint64_t>self.count > self.table_size:
            self.rehash()
        return True

    cdef int rehash(self) except -1:
        cdef int64_t number
        cdef uint64_t at
        free(self.table)
        self.table = NULL
        self.table_size *= 4
        self.table = <int32_t *>room(self.table_size * sizeof(int32_t))
        for number in range(self.count):  # the last of a key heads its chain, so later ones take the place
            if self.alive[number]:
                at = self.place(self.rows + number * self.width)
                self.table[at] = <int32_t>(number + 1)
        return 0


cdef class Levels(Search):
    """As `levels.Levels`: the search, level by level."""

    cdef int at
    cdef Antichain visited
    cdef Antichain passed
    cdef uint64_t *pool       # configurations that wait, chained by how much they used
    cdef int32_t *link
    cdef int64_t pool_count, pool_size
    cdef int32_t unused
    cdef int32_t *heads
    cdef int least, head_count
    cdef uint64_t *level_free

    def __dealloc__(self):
        free(self.pool)
        free(self.link)
        free(self.heads)
        free(self.level_free)

    cdef int _begin(self, int states) except -1:
        cdef int64_t i
        Search._begin(self, states)
        self.visited = Antichain(self.live_words, self.used_words, self.dominance)
        self.passed = Antichain(self.live_words, self.used_words, self.dominance)
        self.pool_size = 256
        self.pool = <uint64_t *>room(self.pool_size * self.width * sizeof(uint64_t))
        self.link = <int32_t *>room(self.pool_size * sizeof(int32_t))
        self.head_count = 64 * self.used_words + 1
        self.heads = <int32_t *>room(self.head_count * sizeof(int32_t))
        self.least = self.head_count
        self.level_free = <uint64_t *>room(self.live_words * sizeof(uint64_t))
        self._begin_level()
        for i in range(self.stack_count - 1, -1, -1):
            self._wait(self.stack + i * self.width)
        self.stack_count = 0
        return 0

    cdef int _begin_level(self) except -1:
        cdef int k, number, slot, kind
        memset(self.level_free, 0, self.live_words * sizeof(uint64_t))
        if self.at < self.total:
            for k in range(self.first[self.at], self.first[self.at + 1]):
                number = self.candidates[k]
                slot = self.slot[number]
                kind = self.class_of[number]
                if self.reads_only[kind] or (self.hiding and self.blind[kind]):
                    self.level_free[slot >> 6] |= <uint64_t>1 << (slot & 63)
        self.visited.clear(self.level_free)
        self.passed.clear(self.level_free)
        return 0

    cdef int _wait(self, uint64_t *row) except -1:
        """Put a configuration with those that have used as much."""
        cdef int much = 0, i
        cdef uint64_t word
        cdef int32_t number
        for i in range(1 + self.live_words, self.width):
            word = row[i]
            while word:
                word &= word - 1
                much += 1
        if self.unused:
            number = self.unused
            self.unused = self.link[number - 1]
        else:
            if self.pool_count == self.pool_size:
                self.pool_size *= 2
                self.pool = <uint64_t *>grown(self.pool, self.pool_size * self.width * sizeof(uint64_t))
                self.link = <int32_t *>grown(self.link, self.pool_size * sizeof(int32_t))
            self.pool_count += 1
            number = <int32_t>self.pool_count
        memcpy(self.pool + <int64_t>(number - 1) * self.width, row, self.width * sizeof(uint64_t))
        self.link[number - 1] = self.heads[much]
        self.heads[much] = number
        if much < self.least:
            self.least = much
        return 0

    @property
    def held(self):
        """How many configurations are remembered."""
        return self.visited.held + self.passed.held

    def run(self, int64_t steps):
        """Go on for at most so many steps: True, there is a legal order; False, there is none; None, not known yet."""
        cdef int64_t last = self.steps + steps, i
        cdef int32_t number
        cdef Antichain passed
        while self.at < self.total:
            while self.least < self.head_count:
                number = self.heads[self.least]
                if number == 0:
                    self.least += 1
                    continue
                if self.steps >= last:
                    return None
                self.heads[self.least] = self.link[number - 1]
                self.link[number - 1] = self.unused
                self.unused = number
                memcpy(self.here, self.pool + <int64_t>(number - 1) * self.width, self.width * sizeof(uint64_t))
                self._take()
            if self.passed.held == 0:
                return False
            passed = self.passed
            for i in range(passed.count - 1, -1, -1):
                if passed.alive[i]:
                    self._wait(passed.rows + i * self.width)
            self.at += 1
            self._begin_level()
        return True

    cdef int _take(self) except -1:
        """Order what only reads; pass the return if that is possible; if not, or if there is a choice, branch."""
        cdef int at = self.at, state = <int>(self.here[0] & 0xFFFFFFFF), k, number, slot
        cdef int64_t i
        cdef uint64_t *live = self.here + 1
        cdef uint64_t *taken = live + self.live_words
        cdef uint64_t bit
        self.here[0] = <uint64_t>at << 32 | <uint64_t>state
        for k in range(self.first[at], self.others[at]):
            number = self.candidates[k]
            slot = self.slot[number]
            if not live[slot >> 6] >> (slot & 63) & 1 and self._after(state, self.class_of[number]) == state:
                live[slot >> 6] |= <uint64_t>1 << (slot & 63)
        slot = self.slot[self.returning[at]]
        bit = <uint64_t>1 << (slot & 63)
        if live[slot >> 6] & bit:
            live[slot >> 6] ^= bit
            if self.hiding and taken[slot >> 6] & bit:
                taken[slot >> 6] ^= bit
                self.passed.add(self.here)
                return 0
            self.passed.add(self.here)
            if not (self.hiding and self.blind[self.class_of[self.returning[at]]]):
                return 0
        if not self.visited.add(self.here):
            return 0
        self.steps += 1
        if at > self.depth:
            self.depth = at
        self._branch(at, state)
        for i in range(self.stack_count):
            self._wait(self.stack + i * self.width)
        self.stack_count = 0
        return 0

    def deepest(self):
        """The configurations that came furthest, as far as no other one dominates them."""
        cdef int64_t row
        return [self._shown(self.visited.rows + row * self.width) for row in range(self.visited.count) if self.visited.alive[row]]

    cdef object _shown(self, uint64_t *row):
        cdef int i
        ordered = used = 0
        for i in range(self.live_words):
            ordered |= <object>row[1 + i] << (64 * i)
        for i in range(self.used_words):
            word = <object>row[1 + self.live_words + i]
            if not self.hiding:
                used |= word << (64 * i)
            elif i < self.live_words:
                used |= word << (64 * i + self.optional_count)
            else:
                used |= word << (64 * (i - self.live_words))
        return self.at, ordered, used, <int>(row[0] & 0xFFFFFFFF)


cdef inline int number_of(object columns, dict numbers, object value) except -1:
    """`Columns.number_of`, quick for values that it knows."""
    cdef object found = None
    if type(value) is int or type(value) is str or value is None:
        found = numbers.get(value)
    if found is None:
        found = columns.number_of(value)
    return found


cdef class Registers:
    """The operations of a history on plain registers, one per key: ready to be searched without an object in between.

    columns: of `histories.columns`, all of whose functions are read, write and cas. other: the state that nobody asks about. Raises
    ValueError for a compare-and-set without a pair: then `Specification.complaint` says what is wrong.
    """

    cdef readonly object columns
    cdef list states
    cdef int count, values, other_number, sentinel, keys
    cdef uint8_t *kind      # per operation: what it does; KINDS for what has no part in the verdict
    cdef int32_t *first     # per operation: the value it reads, writes, compares with
    cdef int32_t *second    # the value that a compare-and-set leaves
    cdef int32_t *raw       # per operation: what tells its class from others of the same effect: argument and result as they were given
    cdef int32_t *begin     # per key: where its operations begin in `order`
    cdef int32_t *order
    cdef int32_t *mark      # per value, scratch: stamped
    cdef int32_t *earliest  # per value, scratch
    cdef int stamp_now

    def __init__(self, columns, other):
        cdef array f = columns.f, key = columns.key, value = columns.value, result = columns.result, type_ = columns.type
        cdef int i, k, pair, kind, operation_type
        cdef int32_t *what = NULL
        cdef int32_t *old = NULL
        cdef int32_t *made = NULL
        cdef list values = columns.values
        cdef dict numbers = columns.numbers
        cdef int32_t unequal = columns.numbers.get(canonical(False), -1)
        cdef int distinct = len(values)
        self.columns = columns
        self.count = len(type_)
        self.keys = len(columns.keys)
        self.kind = <uint8_t *>room(self.count)
        self.first = <int32_t *>room(self.count * sizeof(int32_t))
        self.second = <int32_t *>room(self.count * sizeof(int32_t))
        self.raw = <int32_t *>room(self.count * sizeof(int32_t))
        self.begin = <int32_t *>room((self.keys + 1) * sizeof(int32_t))
        self.order = <int32_t *>room(self.count * sizeof(int32_t))
        try:
            what = <int32_t *>room(len(columns.functions) * sizeof(int32_t))
            old = <int32_t *>room(distinct * sizeof(int32_t))
            made = <int32_t *>room(distinct * sizeof(int32_t))
            for i, name in enumerate(columns.functions):
                what[i] = READ if name == "read" else WRITE if name == "write" else CAS
            for i in range(self.count):
                kind = what[f.data.as_shorts[i]]
                operation_type = type_.data.as_schars[i]
                self.first[i] = value.data.as_ints[i]
                self.raw[i] = result.data.as_ints[i] if operation_type == 0 else -1
                if kind == CAS:
                    k = value.data.as_ints[i]
                    if old[k] == 0:
                        held = values[k]
                        if not isinstance(held, (list, tuple)) or len(held) != 2:
                            raise ValueError("a compare-and-set without a pair")
                        old[k] = number_of(columns, numbers, held[0]) + 1
                        made[k] = number_of(columns, numbers, held[1]) + 1
                    self.first[i] = old[k] - 1
                    self.second[i] = made[k] - 1
                    if operation_type == 2:
                        kind = CAS_UNKNOWN
                    elif result.data.as_ints[i] == unequal:
                        kind = CAS_UNEQUAL
                elif kind == READ:
                    self.first[i] = result.data.as_ints[i]
                    self.raw[i] = value.data.as_ints[i]
                    if operation_type == 2:
                        operation_type = 1
                self.kind[i] = KINDS if operation_type == 1 else kind
                if operation_type != 1:
                    self.begin[key.data.as_ints[i] + 1] += 1
            for i in range(self.keys):
                self.begin[i + 1] += self.begin[i]
            for i in range(self.count):
                if self.kind[i] != KINDS:
                    k = key.data.as_ints[i]
                    self.order[self.begin[k]] = i
                    self.begin[k] += 1
            for i in range(self.keys, 0, -1):
                self.begin[i] = self.begin[i - 1]
            self.begin[0] = 0
        finally:
            free(what)
            free(old)
            free(made)
        self.values = len(values)
        self.other_number = self.values
        self.states = [*values, other]
        self.mark = <int32_t *>room((self.values + 1) * sizeof(int32_t))
        self.earliest = <int32_t *>room((self.values + 1) * sizeof(int32_t))
        self._empty_is_none()

    def __dealloc__(self):
        free(self.kind)
        free(self.first)
        free(self.second)
        free(self.raw)
        free(self.begin)
        free(self.order)
        free(self.mark)
        free(self.earliest)

    cdef int _empty_is_none(self) except -1:
        """The empty text is the same as no value."""
        cdef int32_t empty = self.columns.numbers.get("", -1)
        cdef int i
        if empty > 0:
            for i in range(self.count):
                if self.first[i] == empty:
                    self.first[i] = 0
                if self.second[i] == empty:
                    self.second[i] = 0
        return 0

    def size(self, int key):
        """How many operations of a key have a part in the verdict."""
        return self.begin[key + 1] - self.begin[key]

    def operations(self, int key):
        """The numbers of these operations."""
        cdef int i
        return [self.order[i] for i in range(self.begin[key], self.begin[key + 1])]

    def unsourced(self, int key):
        """As `KeyValue.unsourced`: the place among the operations of the key, -1 if there is none."""
        cdef array invoked = self.columns.invoked, completed = self.columns.completed, type_ = self.columns.type
        cdef int i, number, kind, found = -1
        cdef int32_t made, end, best = 0
        self.stamp_now += 1
        self.mark[0] = self.stamp_now
        self.earliest[0] = -1
        for i in range(self.begin[key], self.begin[key + 1]):
            number = self.order[i]
            kind = self.kind[number]
            if kind == READ or kind == CAS_UNEQUAL:
                continue
            made = self.first[number] if kind == WRITE else self.second[number]
            if self.mark[made] != self.stamp_now:
                self.mark[made] = self.stamp_now
                self.earliest[made] = invoked.data.as_ints[number]
        for i in range(self.begin[key], self.begin[key + 1]):
            number = self.order[i]
            kind = self.kind[number]
            end = completed.data.as_ints[number]
            if (kind != READ and kind != CAS) or end < 0 or type_.data.as_schars[number] != 0 or (found >= 0 and end > best):
                continue
            made = self.first[number]
            if self.mark[made] != self.stamp_now or self.earliest[made] >= end:
                found = i - self.begin[key]
                best = end
        return found

    def search(self, int key, reductions, *, levels=False):
        """The search for one key: the same as for `prepare(specification, operations, reductions)`; level by level if wished."""
        cdef array invoked = self.columns.invoked, completed = self.columns.completed, type_ = self.columns.type
        cdef Search search = Levels.__new__(Levels) if levels else Search.__new__(Search)
        cdef int from_ = self.begin[key], n = self.begin[key + 1] - from_, i, number, kind
        cdef int32_t a, b
        cdef int64_t endless = 0
        cdef int64_t *starts = NULL
        cdef int64_t *ends = NULL
        cdef uint8_t *must = NULL
        cdef bint merge = reductions.indistinguishable_values, optional = reductions.optional_crashes
        search.count = n
        search.classes = n
        search._allot()
        search.codes = <int32_t *>room(3 * n * sizeof(int32_t))
        search.native = True
        search.states = self.states
        search.symmetry = reductions.symmetry
        search.dominance = reductions.dominance
        search.useful = reductions.useful_crashes
        search.hiding = reductions.hidden_writes
        self.stamp_now += 1
        for i in range(n):
            number = self.order[from_ + i]
            kind = self.kind[number]
            if kind != WRITE or not merge:
                self.mark[self.first[number]] = self.stamp_now
            if not merge and kind >= CAS:
                self.mark[self.second[number]] = self.stamp_now
        try:
            starts = <int64_t *>room(n * sizeof(int64_t))
            ends = <int64_t *>room(n * sizeof(int64_t))
            must = <uint8_t *>room(n)
            self._classes(search, from_, n)
            for i in range(n):
                number = self.order[from_ + i]
                starts[i] = invoked.data.as_ints[number]
                endless = max(endless, starts[i], <int64_t>completed.data.as_ints[number])
            for i in range(n):
                number = self.order[from_ + i]
                must[i] = type_.data.as_schars[number] == 0 or not optional
                ends[i] = completed.data.as_ints[number]
                if ends[i] < 0 or type_.data.as_schars[number] != 0:
                    ends[i] = endless + 1 + i
            search._walk(starts, ends, must, reductions.eager_reads)
        finally:
            free(starts)
            free(ends)
            free(must)
        search._begin(1)
        return search

    cdef int _classes(self, Search search, int from_, int n) except -1:
        """Numbers for the calls that differ, in the order of their first appearance, and what each of them does."""
        cdef uint64_t size = 16, at, h
        cdef int32_t *table = NULL
        cdef int i, number, kind, found, count = 0
        cdef int32_t a, b
        cdef int32_t *of = NULL
        while size < 2 * <uint64_t>n:
            size *= 2
        try:
            table = <int32_t *>room(size * sizeof(int32_t))
            of = <int32_t *>room((n + 1) * sizeof(int32_t))  # per class: its first operation
            for i in range(n):
                number = self.order[from_ + i]
                kind = self.kind[number]
                a = self.first[number]
                b = self.second[number]
                if kind == WRITE and self.mark[a] != self.stamp_now:
                    a = self.other_number
                if kind >= CAS and self.mark[b] != self.stamp_now:
                    b = self.other_number
                h = mixed(mixed(<uint64_t>kind << 32 | <uint64_t>a) ^ (<uint64_t>b << 32 | <uint64_t><uint32_t>self.raw[number]))
                at = h & (size - 1)
                while table[at]:
                    found = table[at] - 1
                    if (search.codes[3 * found] == kind and search.codes[3 * found + 1] == a and search.codes[3 * found + 2] == b
                            and self.raw[of[found]] == self.raw[number]):
                        break
                    at = (at + 1) & (size - 1)
                if table[at] == 0:
                    search.codes[3 * count] = kind
                    search.codes[3 * count + 1] = a
                    search.codes[3 * count + 2] = b
                    search.reads_only[count] = kind == READ or kind == CAS_UNEQUAL
                    search.blind[count] = kind == WRITE
                    of[count] = number
                    count += 1
                    table[at] = count
                search.class_of[i] = table[at] - 1
        finally:
            free(table)
            free(of)
        search.classes = count
        return 0
