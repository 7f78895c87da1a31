// Fuzzes what spearlet takes from a worker: its ring and result areas in shared memory, and its messages on the control socket. The input is a program
// of both sides: invocations, withdrawals, reads, and between them whatever a hostile worker may write. Nothing that is handed on may lie outside of
// the shared memory or be more than was asked for.
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "runtime/worker_internal.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAYLOAD_BYTES = 100000, OUTPUT_BYTES = 300000, LOG_BYTES = 20000, STEPS_MAX = 300, MESSAGE_MAX = 2048 };

static struct loop loop;
static struct worker_pump *pump;
static struct runtime_shared shared;
static struct worker worker;
static bool in_flight[IPC_RING_SLOTS], streams[IPC_RING_SLOTS];
static uint64_t untaken[IPC_RING_SLOTS]; // of a streamed output

// ---- what the owner of a worker is told

static void on_ready(void *ctx, uint64_t module_bytes) {
    ASSERT(ctx == &worker && module_bytes <= worker.memory.layout.output_bytes);
}

static bool is_in_memory(struct span s) {
    const char *end = worker.memory.base + worker.memory.layout.size_bytes;
    return s.p >= worker.memory.base && s.p <= end && s.n <= (size_t)(end - s.p);
}

static void on_output(void *ctx, unsigned slot, struct span bytes, bool has_head) {
    (void)has_head;
    ASSERT(ctx == &worker && slot < IPC_RING_SLOTS && in_flight[slot] && streams[slot] && bytes.n > 0);
    ASSERT(is_in_memory(bytes) && bytes.n <= IPC_STREAM_BYTES);
    untaken[slot] += bytes.n;
}

static void on_result(void *ctx, unsigned slot, struct worker_result *result) {
    const struct invocation_result *a = &result->answer;
    ASSERT(ctx == &worker && slot < IPC_RING_SLOTS && in_flight[slot] && worker_kind_allowed((uint32_t)result->kind));
    ASSERT(a->output_bytes <= OUTPUT_BYTES && a->log_bytes <= LOG_BYTES && a->results_json.n <= WORKER_REPLY_BYTES);
    ASSERT(strlen(result->text) < IPC_TEXT_MAX && (a->output || !a->output_bytes) && (a->log || !a->log_bytes));
    in_flight[slot] = false;
}

static void on_ended(void *ctx, const struct err *why) {
    (void)ctx, (void)why;
    ASSERT(false); // there is no process that could
}

static const struct worker_events events = {on_ready, on_output, on_result, on_ended};

// ---- one life

static int open_control(void) {
    int pair[2];
    ASSERT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    worker.control = NEW(struct worker_control);
    worker.control->worker = &worker;
    worker.control->fd = pair[0];
    return pair[1];
}

static int begin(void) {
    if (!pump) {
        ASSERT(loop_init(&loop, NULL) == 0);
        pump = worker_pump_new(&loop);
    }
    worker = (struct worker){.config = {.shared = &shared,
                                        .loop = &loop,
                                        .pump = pump,
                                        .role = IPC_ROLE_SERVE,
                                        .depth = IPC_RING_SLOTS,
                                        .events = &events,
                                        .ctx = &worker}};
    worker.pidfd = open("/dev/null", O_RDONLY | O_CLOEXEC); // born, but nothing that a signal would reach
    worker.ready = true;
    ASSERT(worker_memory_init(&worker.memory, PAYLOAD_BYTES, OUTPUT_BYTES, LOG_BYTES, NULL) == 0);
    ring_client_init(&worker.ring, worker_memory_ring(&worker.memory));
    memset(in_flight, 0, sizeof in_flight);
    memset(untaken, 0, sizeof untaken);
    return open_control();
}

static void end(int other_end) {
    worker_pump_remove(&worker);
    worker_memory_done(&worker.memory);
    close(worker.control->fd);
    close(other_end);
    close(worker.pidfd);
    free(worker.control);
}

// ---- the program

static uint64_t take(struct span *rest, size_t n) {
    uint64_t value = 0;
    if (n > rest->n)
        n = rest->n;
    if (n)
        memcpy(&value, rest->p, n);
    *rest = span_slice(*rest, n, rest->n);
    return value;
}

static void take_streamed(void *ctx, struct span bytes, bool has_head) {
    (void)ctx, (void)bytes, (void)has_head; // on_output is what a worker tells
}

static void give_invocation(struct span *rest) {
    static char payload[PAYLOAD_BYTES];
    uint64_t how = take(rest, 1);
    struct invocation v = {.payload = span_make(payload, how & 2 ? PAYLOAD_BYTES : how),
                           .output = how & 1 ? take_streamed : NULL};
    unsigned slot;
    if (worker_room(&worker) == 0 || (invocation_is_large(&v) && ring_in_flight(&worker.ring) > 0))
        return;
    ASSERT(worker_invoke(&worker, &v, &slot, NULL) == 0 && slot < IPC_RING_SLOTS && !in_flight[slot]);
    in_flight[slot] = true;
    streams[slot] = v.output != NULL;
    untaken[slot] = 0;
}

// A hostile write: so many bytes at any place of the ring, or the very counts that matter.
static void scribble(struct span *rest) {
    struct ipc_ring *r = worker_memory_ring(&worker.memory);
    uint64_t where = take(rest, 2), n = take(rest, 1) % 9;
    uint64_t value = take(rest, n);
    struct ipc_slot *s = &r->slots[where % IPC_RING_SLOTS];
    if (where & 0x8000)
        atomic_store(&r->finished, worker.ring.taken + (uint32_t)value);
    else if (where & 0x4000)
        atomic_store(&s->output_written, value);
    else if (where & 0x2000)
        s->result =
            (struct ipc_result){.kind = (uint32_t)value, .flags = (uint32_t)(value >> 8), .output_bytes = value >> 16};
    else if (n)
        memcpy((char *)r + where % (sizeof *r - n), &value, n);
}

static void look_at_leftover(unsigned slot) {
    struct worker_leftover left;
    if (!in_flight[slot] || !worker_leftover(&worker, slot, &left))
        return;
    ASSERT(!left.output.n || is_in_memory(left.output));
    ASSERT(!left.log.n || is_in_memory(left.log));
}

static void take_output(unsigned slot) {
    if (in_flight[slot] && streams[slot])
        worker_output_taken(&worker, slot, untaken[slot]);
    untaken[slot] = 0;
}

static void send_message(struct span *rest, int to) {
    static char message[MESSAGE_MAX];
    uint64_t type = take(rest, 1), size = take(rest, 2) % MESSAGE_MAX;
    struct ipc_header header = {.version = IPC_VERSION, .type = (uint16_t)type, .size = (uint32_t)size};
    size_t n = rest->n < size ? rest->n : (size_t)size;
    memset(message, 0, sizeof message);
    if (n)
        memcpy(message, rest->p, n);
    *rest = span_slice(*rest, n, rest->n);
    if (type & 0x80) { // else as raw as it came
        header.type &= 0x7f;
        memcpy(message, &header, sizeof header);
    }
    if (size && send(to, message, (size_t)size, MSG_NOSIGNAL) == (ssize_t)size)
        worker_read_messages(&worker, 1);
}

static void step(struct span *rest, int other_end) {
    uint64_t what = take(rest, 1);
    unsigned slot = (unsigned)(what >> 3) % IPC_RING_SLOTS;
    switch (what % 8) {
    case 0:
        give_invocation(rest);
        break;
    case 1:
    case 2:
        scribble(rest);
        break;
    case 3:
        if (in_flight[slot] && worker_withdraw(&worker, slot))
            in_flight[slot] = false;
        break;
    case 4:
        look_at_leftover(slot);
        break;
    case 5:
        take_output(slot);
        break;
    case 6:
        send_message(rest, other_end);
        break;
    default:
        (void)worker_drain(&worker);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span rest = span_make(data, size);
    int other_end = begin();
    for (int i = 0; i < STEPS_MAX && rest.n; i++)
        step(&rest, other_end);
    end(other_end);
    return 0;
}
