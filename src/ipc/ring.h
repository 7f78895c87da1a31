// The ring: how invocations go to a worker and their ends come back, through memory that both share.
//
//   spearlet: ring_reserve, writes the slot, ring_submit … ring_wake (once a loop turn)      ring_finished, copies, ring_release
//   worker:   ring_next, ring_begin, runs the guest, writes the slot's result, ring_finish … ring_sleep when there is nothing
//
// A request is named by its slot. The order in which slots were submitted is the order in which they are run and finished. A slot that was not begun can be
// withdrawn: one compare-and-swap decides between the two sides, so that a request is either run or taken back, never both.
//
// Nobody trusts the other side's numbers: spearlet keeps its own indices and reads the worker's only to compare them with what is possible
// (ring_finished says when they are not); the worker checks each slot number.
//
// Sleeping: the flag that says so is itself the futex word, and a side looks once more after it has set its flag: no wake-up is lost,
// whatever the order. spearlet's sleep is its event loop's: `spearlet_listens` says that it wants a byte on the worker's eventfd.
//
// struct ring_client and struct ring_server are private to one thread of their side.
#ifndef SPEAR_IPC_RING_H
#define SPEAR_IPC_RING_H

#include "ipc/worker_protocol.h"

#include <stdatomic.h>
#include <stdbool.h>

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2, "atomics work between processes");

enum ipc_slot_state { IPC_SLOT_FREE, IPC_SLOT_WAITING, IPC_SLOT_BEGUN, IPC_SLOT_WITHDRAWN };

struct ipc_slot {
    _Alignas(64) _Atomic uint32_t state; // enum ipc_slot_state
    _Atomic uint32_t output_flags;       // enum ipc_output_flag, of a streamed output: worker writes
    _Atomic uint64_t output_written;     // in all, of a streamed output: worker writes
    _Atomic uint64_t output_taken;       // in all: spearlet writes
    struct ipc_invoke invoke;            // spearlet writes
    struct ipc_result result;            // worker writes
    struct ipc_progress progress;        // worker writes
};

struct ipc_ring {
    // spearlet writes. Counts only grow (and wrap).
    _Alignas(64) _Atomic uint32_t submitted;
    _Atomic uint32_t taken;     // ends that it has read: their slots are its own again
    _Atomic uint32_t attention; // grows when there is something to read on the control socket
    _Atomic uint8_t order[IPC_RING_SLOTS];
    _Alignas(64) _Atomic uint32_t finished; // worker writes
    // Both write.
    _Alignas(64) _Atomic uint32_t worker_sleeps; // enum ring_sleep, the futex word
    _Alignas(64) _Atomic uint32_t spearlet_listens;
    struct ipc_slot slots[IPC_RING_SLOTS];
};

// ---- spearlet's end

struct ring_client {
    struct ipc_ring *shared;
    uint32_t submitted, taken;
    uint32_t told; // of the submitted, by a wake-up
    uint8_t order[IPC_RING_SLOTS];
    uint32_t reserved; // a bit for each slot in use
};

void ring_client_init(struct ring_client *c, struct ipc_ring *shared);
uint32_t ring_in_flight(const struct ring_client *c); // submitted and not released
// A slot to write, the lowest free one, so that a quiet worker touches little memory; -1 when all are in use.
int ring_reserve(struct ring_client *c);
void ring_give_back(struct ring_client *c, unsigned slot); // reserved and not submitted
void ring_submit(struct ring_client *c, unsigned slot);
// The worker has requests to look at, if any were submitted since the last time. True when it slept and had to be woken.
bool ring_wake(struct ring_client *c);
// An end was released, or output taken: it goes on if it waits for that.
void ring_make_room(struct ring_client *c);
// There is something on the control socket: wakes it, too.
void ring_call(struct ring_client *c);
// True: the worker has not begun it and never will; the slot stays in use until it is seen finished.
bool ring_withdraw(struct ring_client *c, unsigned slot);
// True when the worker says that it has begun it. Of a slot in flight.
bool ring_has_begun(const struct ring_client *c, unsigned slot);
// True when its end is there, read or not. Of a slot in flight.
bool ring_is_finished(const struct ring_client *c, unsigned slot);
// The oldest slot in flight, when its end is there; RING_NOTHING; RING_LIES when the worker's index is impossible.
enum { RING_NOTHING = -1, RING_LIES = -2 };
int ring_finished(const struct ring_client *c);
// The oldest one's, whether finished or not; -1: none is in flight.
int ring_oldest(const struct ring_client *c);
// Of the oldest, once everything was copied out of it.
void ring_release(struct ring_client *c);
// From now on the worker writes to its eventfd when there is something new. What came before is to be looked for after this call.
void ring_listen(struct ring_client *c);

// ---- the worker's end

struct ring_server {
    struct ipc_ring *shared;
    int wake_fd; // eventfd, to spearlet
    uint32_t finished, attention;
};

void ring_server_init(struct ring_server *s, struct ipc_ring *shared, int wake_fd);
// The next slot in order; RING_NOTHING; RING_LIES when its number is impossible.
int ring_next(const struct ring_server *s);
// False when it was withdrawn: it is only to be finished.
bool ring_begin(struct ring_server *s, unsigned slot);
// The next slot's end is written.
void ring_finish(struct ring_server *s);
// Tells spearlet that there is something new, if it wants to know. Part of ring_finish.
void ring_tell(struct ring_server *s);
bool ring_is_called(const struct ring_server *s);
// The same; true once for each ring_call, or for several together.
bool ring_was_called(struct ring_server *s);
// True when spearlet has read every end before the slot that runs now.
bool ring_is_alone(const struct ring_server *s);
// Returns when due(ctx) says true; asks it at least after every wake-up. `why`: who has to wake it.
enum ring_sleep { RING_AWAKE, RING_WANTS_REQUESTS, RING_WANTS_ROOM };
void ring_sleep(struct ring_server *s, enum ring_sleep why, bool (*due)(void *ctx), void *ctx);

#endif
