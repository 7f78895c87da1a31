// What crosses between spearlet and spear-worker: plain data, fixed sizes, one machine, one build.
//
//   spearlet ──(A) spawn socket, SOCK_SEQPACKET──▶ zygote ──clone──▶ worker (one process per instance, or per preparation)
//   spearlet ◀─(B) control socket, SOCK_SEQPACKET, one per worker──▶ worker: its birth and its end
//   spearlet ◀─(C) shared memory, one memfd per worker──▶ worker: invocations (ipc/ring.h), payloads in, output, log and texts out
//   spearlet ◀─(D) eventfd, one per worker── worker: there is something new in (C)
//
// (A) carries ipc_spawn with four descriptors, and two more for each directory granted. The zygote clones with CLONE_PARENT, so the worker is spearlet's own child: its end is seen
// and its status reaped through the pidfd, and it outlives a zygote that dies. The zygote answers on (B) with ipc_spawned and
// the pidfd before the child says anything; a child that cannot start answers ipc_failed there.
// (B) carries one struct per message. Neither side trusts the other's bytes: spearlet treats a malformed message as a broken worker, kills
// it and fails its invocation. A worker looks at it when the ring's `attention` grew.
// (C) is laid out by spearlet, which keeps its own copy of the layout and of every index, and clamps every length it reads back.
//
// The first message on (A) goes the other way: ipc_cage, in which the zygote says what its workers' cage is made of on this machine.
//
// Room for growth: ipc_host_call … are reserved for guest calls that spearlet does for a worker.
#ifndef SPEAR_IPC_WORKER_PROTOCOL_H
#define SPEAR_IPC_WORKER_PROTOCOL_H

#include <stdint.h>

enum {
    IPC_VERSION = 5,
    IPC_TEXT_MAX = 1024,
    IPC_GRANTS_MAX = 16,
    IPC_GUEST_PATH_MAX = 255,
    IPC_ENGINE_MAX = 64,
    IPC_FD_COUNT_MAX = 4 + 2 * IPC_GRANTS_MAX
};

enum ipc_type {
    IPC_SPAWN = 1,  // A: spearlet → zygote
    IPC_SPAWNED,    // B: zygote → spearlet, with the pidfd
    IPC_READY,      // B: worker → spearlet: module loaded (role serve), or made (the others, which then exit)
    IPC_FAILED,     // B: worker or zygote → spearlet: could not start or prepare; the process exits
    IPC_STOP,       // B: spearlet → worker
    IPC_STOPPED,    // B: worker → spearlet: the acknowledgement; the process exits after it
    IPC_HOST_CALL,  // B: reserved
    IPC_HOST_REPLY, // B: reserved
    IPC_CAGE        // A: zygote → spearlet, once, before anything else
};

struct ipc_header {
    uint16_t version; // IPC_VERSION
    uint16_t type;    // enum ipc_type
    uint32_t size;    // of the whole struct
    uint64_t id;      // of the stop, or 0
};

enum ipc_role {
    IPC_ROLE_PREPARE, // parse, strip, validate; writes the prepared module into the shared memory's output area
    IPC_ROLE_SERVE,   // load the prepared module and answer invocations
    IPC_ROLE_COMPILE  // compile the prepared module into IPC_CODE_FILE of the one directory granted; once a process
};

// The shared memory (C), as offsets from its start, each page-aligned and within its size: the ring, small areas for each of its slots, and one set of
// areas that are as large as the task's limits allow. An invocation uses its slot's areas, so that several can wait; one whose input
// does not fit there, or whose output is streamed, is given the large areas (IPC_INVOKE_LARGE), and then it is alone in the ring. One
// whose output or log outgrows its slot moves to the large areas when every end before its own has been read (IPC_RESULT_LARGE).
//
// Role prepare uses the output area only, which should hold module_bytes + IPC_PREPARE_EXTRA_BYTES: a preparation adds
// exports, and table limits that are brought down may take a few bytes more.
enum { IPC_PREPARE_EXTRA_BYTES = 32 * 1024 };
enum {
    IPC_RING_SLOTS = 8,
    IPC_SLOT_INPUT_BYTES = 80 * 1024, // strings, then the payload
    IPC_SLOT_OUTPUT_BYTES = 64 * 1024,
    IPC_SLOT_LOG_BYTES = 16 * 1024,
    IPC_SLOT_REPLY_BYTES = 4 * 1024,
    IPC_SLOT_BYTES = IPC_SLOT_INPUT_BYTES + IPC_SLOT_OUTPUT_BYTES + IPC_SLOT_LOG_BYTES + IPC_SLOT_REPLY_BYTES
};
struct ipc_layout {
    uint64_t size_bytes;
    uint64_t ring_offset, ring_bytes;       // struct ipc_ring
    uint64_t slots_offset, slots_bytes;     // IPC_SLOT_BYTES for each slot: input, output, log, reply
    uint64_t strings_offset, strings_bytes; // args, environment, function name, params: spearlet writes
    uint64_t payload_offset, payload_bytes; // the guest's stdin: spearlet writes
    uint64_t output_offset, output_bytes;   // the guest's stdout, or the prepared module: worker writes
    uint64_t log_offset, log_bytes;         // the guest's stderr: worker writes
    uint64_t reply_offset, reply_bytes;     // typed results as JSON text: worker writes
};

struct ipc_limits {
    uint64_t memory_bytes; // the guest's linear memory
    uint64_t data_bytes;  // RLIMIT_DATA of the process (its private memory, the guest's linear memory included), 0 none
    uint64_t cpu_seconds; // RLIMIT_CPU, 0 none (roles prepare and compile)
    uint64_t file_bytes;  // RLIMIT_FSIZE of role compile, 0 none
    uint64_t open_files;  // that a guest may have open beside its streams and granted directories
};

// A directory granted to the guest: a volume, which the worker knows by its descriptor alone.
enum ipc_grant_flag { IPC_GRANT_WRITABLE = 1 };
struct ipc_grant {
    char guest_path[IPC_GUEST_PATH_MAX + 1]; // absolute, NUL-terminated
    uint64_t max_bytes;                      // the volume may not grow beyond; UINT64_MAX: no limit
    uint32_t flags;
    uint32_t reserved;
};

// What all workers with a grant of one volume share: the content of its memory file, one page. Atomic.
enum { IPC_VOLUME_BYTES = 4096 };
struct ipc_volume {
    uint64_t used_bytes; // the sizes of its regular files together
};

// Descriptors sent along, in this order: control socket (the worker's end), shared memory, module (raw bytes for prepare, prepared
// bytes for serve and compile, native code for serve with IPC_SPAWN_NATIVE; read only), eventfd; then for each grant the directory (O_PATH)
// and the file of its struct ipc_volume.
enum { IPC_SPAWN_FD_CONTROL, IPC_SPAWN_FD_MEMORY, IPC_SPAWN_FD_MODULE, IPC_SPAWN_FD_WAKE, IPC_SPAWN_FD_COUNT };
#define IPC_CODE_FILE "code.so"
enum ipc_spawn_flag {
    IPC_SPAWN_KEEPS_STATE = 1, // role serve: an invocation finds what earlier ones left (instance.reuse)
    IPC_SPAWN_NATIVE = 2,      // role serve: the module is the file that role compile has made of it, not its bytes
    IPC_SPAWN_QUICK = 4        // role compile: soon (O0) rather than well (O2)
};
struct ipc_spawn {
    struct ipc_header header;
    uint32_t role; // enum ipc_role
    uint32_t grant_count;
    uint32_t flags; // enum ipc_spawn_flag
    uint32_t reserved;
    uint64_t module_bytes;
    struct ipc_layout layout;
    struct ipc_limits limits;
    struct ipc_grant grants[IPC_GRANTS_MAX];
};

struct ipc_spawned {
    struct ipc_header header;
    int32_t pid;
    uint32_t reserved;
};

struct ipc_ready {
    struct ipc_header header;
    uint64_t module_bytes; // of the prepared module in the output area (role prepare)
    uint64_t elapsed_us;
    char engine[IPC_ENGINE_MAX]; // NUL-terminated: what native code is bound to: engine, version, settings
};

struct ipc_failed {
    struct ipc_header header;
    uint32_t kind; // enum err_kind
    uint32_t reserved;
    char text[IPC_TEXT_MAX]; // NUL-terminated
};

// The strings, each NUL-terminated and back to back: the function name ("" for the default entry), the params (JSON array text, "" for
// none), arg_count arguments (argv[0] first), environment_count entries "KEY=value". In a slot's input the payload follows them.
enum ipc_invoke_flag { IPC_INVOKE_LARGE = 1 };
struct ipc_invoke {
    uint64_t strings_bytes;
    uint64_t payload_bytes;
    uint32_t arg_count;
    uint32_t environment_count;
    uint32_t flags; // enum ipc_invoke_flag
    uint32_t reserved;
    uint64_t stream_bytes; // 0: the output is gathered; else it is streamed through so much of the (large) output area
};

// A streamed output: byte number n of it stands at n % stream_bytes of the output area, and no byte is written before the one that
// was at its place is taken: the worker waits for that. Both counts (ipc/ring.h) begin at 0 with the invocation and only grow.
// HAS_HEAD: the output begins with header fields as RFC 3875 §6 has them, which the guest gave by calls of module spear.
enum { IPC_STREAM_BYTES = 256 * 1024 }; // at most; less when the output area is smaller
enum ipc_output_flag { IPC_OUTPUT_HAS_HEAD = 1 };

// LARGE: output, log and reply stand in the large areas.
enum ipc_result_flag {
    IPC_RESULT_LOG_CUT = 1,
    IPC_RESULT_HAS_RESULTS = 2,
    IPC_RESULT_HAS_HEAD = 4,
    IPC_RESULT_LARGE = 8
};
// Where the state came from that the guest found.
enum ipc_state {
    IPC_STATE_NONE,  // it did not come so far
    IPC_STATE_MADE,  // a new instance, made by the invocation
    IPC_STATE_AHEAD, // a new instance, made after the answer to the invocation before
    IPC_STATE_RESET, // the instance of the invocation before, put back after its answer
    IPC_STATE_KEPT,  // as the invocation before left it (instance.reuse)
    IPC_STATE_COUNT
};
struct ipc_result {
    uint32_t kind; // enum err_kind; ERR_NONE is success
    int32_t exit_code;
    uint32_t flags;
    uint32_t state;                                // enum ipc_state
    uint64_t output_bytes, log_bytes, reply_bytes; // output_bytes is 0 when it was streamed
    uint64_t instantiate_us, run_us;
    uint64_t renew_us;       // what AHEAD or RESET took
    char text[IPC_TEXT_MAX]; // of the error; only written when there is one
};

// How far the running invocation is, so that something is known of one whose worker is killed. spearlet reads it when the process has
// ended, and trusts no length in it. The bytes are written before the length that counts them.
struct ipc_progress {
    uint64_t output_bytes; // of a gathered output
    uint64_t log_bytes;
    uint64_t flags; // enum ipc_result_flag
};

struct ipc_stop {
    struct ipc_header header;
};
struct ipc_stopped {
    struct ipc_header header;
};

// What a worker's cage is made of. Each may be missing on a machine; a worker gets every one that its zygote announced, or does not start.
enum ipc_cage_feature {
    IPC_CAGE_SECCOMP = 1 << 0,
    IPC_CAGE_LANDLOCK = 1 << 1,
    IPC_CAGE_USER_NAMESPACE = 1 << 2,
    IPC_CAGE_MOUNT_NAMESPACE = 1 << 3,
    IPC_CAGE_NETWORK_NAMESPACE = 1 << 4,
    IPC_CAGE_IPC_NAMESPACE = 1 << 5,
    IPC_CAGE_PID_NAMESPACE = 1 << 6
};
enum { IPC_CAGE_FEATURE_COUNT = 7, IPC_CAGE_ALL = (1 << IPC_CAGE_FEATURE_COUNT) - 1, IPC_CAGE_REASON_BYTES = 128 };
enum ipc_cage_flag { IPC_CAGE_SANITIZER = 1 }; // built with a sanitizer, which needs more system calls
struct ipc_cage {
    struct ipc_header header;
    uint32_t features;                                           // enum ipc_cage_feature
    uint32_t flags;                                              // enum ipc_cage_flag
    char reasons[IPC_CAGE_FEATURE_COUNT][IPC_CAGE_REASON_BYTES]; // by bit: why it is missing; NUL-terminated
};

// Exit statuses of a worker that ends by itself.
enum {
    IPC_EXIT_STOPPED = 0,
    IPC_EXIT_FAILED = 3,   // after ipc_failed
    IPC_EXIT_ORPHANED = 4, // the control socket was closed
    IPC_EXIT_ASSERTION = 70,
    IPC_EXIT_OUT_OF_MEMORY = 71, // limits.data_bytes, or the machine: outside of the guest's code
    IPC_EXIT_STACK_EXHAUSTED =
        72 // the guest's code was running and its stack took all of limits.data_bytes: a trap, "call stack exhausted"
};

// How spearlet starts the zygote: `spear-worker --zygote WANTED REQUIRED`, with the spawn socket as this descriptor. Both are sets of enum
// ipc_cage_feature as decimal numbers: what to cage workers with (0: no cage at all), and what of that must not be missing.
enum { IPC_ZYGOTE_FD = 3 };

#endif
