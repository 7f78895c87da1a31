// The ring of ipc/ring.h: its order, its limits, what it says to impossible numbers, and that no wake-up is lost between two processes
// (or two threads, for the thread sanitizer's sake) that both fall asleep whenever they can.
#include "unit.h"

#include "ipc/ring.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 20000, STRESS_REQUESTS = 20000 };

struct ends {
    struct ipc_ring *shared;
    struct ring_client client;
    struct ring_server server;
};

static void open_ends(struct ends *e) {
    e->shared = mmap(NULL, sizeof *e->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(e->shared != MAP_FAILED);
    ring_client_init(&e->client, e->shared);
    ring_server_init(&e->server, e->shared, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

static void close_ends(struct ends *e) {
    close(e->server.wake_fd);
    munmap(e->shared, sizeof *e->shared);
}

static unsigned give(struct ends *e) {
    int slot = ring_reserve(&e->client);
    assert_true(slot >= 0);
    ring_submit(&e->client, (unsigned)slot);
    return (unsigned)slot;
}

static int serve_one(struct ends *e) {
    int slot = ring_next(&e->server);
    if (slot >= 0) {
        ring_begin(&e->server, (unsigned)slot);
        ring_finish(&e->server);
    }
    return slot;
}

static void test_order_and_limits(void **state) {
    (void)state;
    struct ends e;
    open_ends(&e);
    assert_int_equal(ring_next(&e.server), RING_NOTHING);
    assert_int_equal(ring_finished(&e.client), RING_NOTHING);
    assert_int_equal(ring_oldest(&e.client), -1);
    for (unsigned i = 0; i < IPC_RING_SLOTS; i++)
        assert_int_equal(give(&e), i); // the lowest free one
    assert_int_equal(ring_reserve(&e.client), -1);
    for (unsigned i = 0; i < IPC_RING_SLOTS; i++) {
        assert_false(ring_is_finished(&e.client, i));
        assert_int_equal(serve_one(&e), i);
        assert_true(ring_is_finished(&e.client, i));
    }
    assert_int_equal(serve_one(&e), RING_NOTHING);
    for (unsigned i = 0; i < IPC_RING_SLOTS; i++) {
        assert_int_equal(ring_finished(&e.client), i);
        ring_release(&e.client);
    }
    assert_int_equal(ring_in_flight(&e.client), 0);
    close_ends(&e);
}

static void test_indices_wrap(void **state) {
    (void)state;
    struct ends e;
    open_ends(&e);
    e.client.submitted = e.client.taken = e.server.finished = UINT32_MAX - 3;
    atomic_store(&e.shared->submitted, UINT32_MAX - 3);
    atomic_store(&e.shared->finished, UINT32_MAX - 3);
    atomic_store(&e.shared->taken, UINT32_MAX - 3);
    unsigned next = give(&e);
    for (int i = 0; i < 1000; i++) {
        unsigned slot = next;
        next = give(&e); // two are always there
        assert_int_equal(serve_one(&e), slot);
        assert_int_equal(ring_finished(&e.client), slot);
        ring_release(&e.client);
        assert_int_equal(ring_in_flight(&e.client), 1);
    }
    close_ends(&e);
}

static void test_lies_are_seen(void **state) {
    (void)state;
    struct ends e;
    open_ends(&e);
    atomic_store(&e.shared->finished, 1); // nothing was given
    assert_int_equal(ring_finished(&e.client), RING_LIES);
    give(&e);
    for (uint32_t lie = 2; lie != 0; lie *= 2) {
        atomic_store(&e.shared->finished, lie);
        assert_int_equal(ring_finished(&e.client), RING_LIES);
        assert_true(ring_is_finished(&e.client, 0)); // and stays inside of what is in flight
        assert_false(ring_is_finished(&e.client, 1));
    }
    atomic_store(&e.shared->finished, UINT32_MAX);
    assert_int_equal(ring_finished(&e.client), RING_LIES);
    // What the worker writes where only spearlet writes changes nothing for spearlet.
    atomic_store(&e.shared->finished, 1);
    atomic_store(&e.shared->submitted, 77);
    atomic_store(&e.shared->taken, 77);
    atomic_store(&e.shared->order[0], 5);
    assert_int_equal(ring_finished(&e.client), 0);
    ring_release(&e.client);
    assert_int_equal(ring_finished(&e.client), RING_NOTHING);
    atomic_store(&e.shared->order[e.server.finished % IPC_RING_SLOTS], IPC_RING_SLOTS);
    assert_int_equal(ring_next(&e.server), RING_LIES);
    close_ends(&e);
}

static void test_withdrawing(void **state) {
    (void)state;
    struct ends e;
    open_ends(&e);
    unsigned first = give(&e), second = give(&e);
    assert_true(ring_begin(&e.server, first));
    assert_false(ring_withdraw(&e.client, first));
    assert_true(ring_has_begun(&e.client, first));
    assert_true(ring_withdraw(&e.client, second));
    assert_false(ring_withdraw(&e.client, second));
    assert_false(ring_begin(&e.server, second));
    assert_false(ring_has_begun(&e.client, second));
    assert_int_equal(give(&e), 2); // its slot is in use until its turn came
    ring_give_back(&e.client, 5);
    close_ends(&e);
}

static void test_calls_and_listening(void **state) {
    (void)state;
    struct ends e;
    open_ends(&e);
    struct pollfd wake = {.fd = e.server.wake_fd, .events = POLLIN};
    give(&e);
    serve_one(&e);
    assert_int_equal(poll(&wake, 1, 0), 0); // nobody listened
    ring_listen(&e.client);
    give(&e);
    serve_one(&e);
    assert_int_equal(poll(&wake, 1, 0), 1);
    assert_false(ring_was_called(&e.server));
    ring_call(&e.client);
    ring_call(&e.client);
    assert_true(ring_is_called(&e.server));
    assert_true(ring_was_called(&e.server));
    assert_false(ring_was_called(&e.server));
    assert_false(ring_is_alone(&e.server));
    ring_release(&e.client);
    ring_release(&e.client);
    assert_true(ring_is_alone(&e.server));
    assert_false(ring_wake(&e.client)); // it does not sleep
    close_ends(&e);
}

// ---- two sides that sleep

static bool has_next(void *ctx) {
    return ring_next(ctx) != RING_NOTHING;
}

// Answers twice the number it was given.
static void serve_all(struct ring_server *s) {
    for (int i = 0; i < STRESS_REQUESTS; i++) {
        ring_sleep(s, RING_WANTS_REQUESTS, has_next, s);
        int slot = ring_next(s);
        struct ipc_slot *shared = &s->shared->slots[slot];
        if (ring_begin(s, (unsigned)slot))
            shared->result.output_bytes = shared->invoke.payload_bytes * 2;
        ring_finish(s);
    }
}

static void wait_for_end(struct ends *e) {
    struct pollfd wake = {.fd = e->server.wake_fd, .events = POLLIN};
    uint64_t count;
    ring_listen(&e->client);
    if (ring_finished(&e->client) != RING_NOTHING)
        return;
    if (poll(&wake, 1, WAIT_MS) != 1)
        fail_msg("a wake-up was lost after %u requests", e->client.taken);
    assert_int_equal(read(e->server.wake_fd, &count, sizeof count), sizeof count);
}

static void read_ends(struct ends *e) {
    for (int slot; (slot = ring_finished(&e->client)) >= 0;) {
        const struct ipc_slot *shared = &e->shared->slots[slot];
        if (atomic_load(&shared->state) == IPC_SLOT_BEGUN)
            assert_int_equal(shared->result.output_bytes, 2 * e->client.taken);
        ring_release(&e->client);
    }
}

// Bursts of one to eight, now and then one taken back, and always asleep until the other side says something.
static void drive(struct ends *e) {
    unsigned seed = 1;
    while (e->client.taken < STRESS_REQUESTS) {
        uint32_t burst = 1 + (uint32_t)rand_r(&seed) % IPC_RING_SLOTS;
        for (; burst > 0 && ring_in_flight(&e->client) < IPC_RING_SLOTS && e->client.submitted < STRESS_REQUESTS;
             burst--) {
            int slot = ring_reserve(&e->client);
            e->shared->slots[slot].invoke.payload_bytes = e->client.submitted;
            ring_submit(&e->client, (unsigned)slot);
            if (rand_r(&seed) % 16 == 0)
                ring_withdraw(&e->client, (unsigned)slot);
        }
        ring_wake(&e->client);
        wait_for_end(e);
        read_ends(e);
    }
}

static void test_no_wake_up_is_lost_between_processes(void **state) {
    (void)state;
    struct ends e;
    int status;
    open_ends(&e);
    pid_t pid = fork();
    if (pid == 0) {
        serve_all(&e.server);
        _exit(0);
    }
    drive(&e);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close_ends(&e);
}

static void *serve_on_thread(void *arg) {
    serve_all(arg);
    return NULL;
}

static void test_no_wake_up_is_lost_between_threads(void **state) {
    (void)state;
    struct ends e;
    pthread_t thread;
    open_ends(&e);
    assert_int_equal(pthread_create(&thread, NULL, serve_on_thread, &e.server), 0);
    drive(&e);
    pthread_join(thread, NULL);
    close_ends(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_limits),
        cmocka_unit_test(test_indices_wrap),
        cmocka_unit_test(test_lies_are_seen),
        cmocka_unit_test(test_withdrawing),
        cmocka_unit_test(test_calls_and_listening),
        cmocka_unit_test(test_no_wake_up_is_lost_between_processes),
        cmocka_unit_test(test_no_wake_up_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
