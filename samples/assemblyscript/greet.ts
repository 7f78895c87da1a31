// AssemblyScript: a command (_start) that reads stdin and answers on stdout, and a function to be called by name.
//
//     echo world | spear run greet.wasm                               → Hello, world!
//     spear invoke greet --function fibonacci --params '[50]'         → [12586269025]
//
// AssemblyScript has no WASI of its own: what is used is declared here. abort is ours too (asc --use abort=greet/abort),
// because the compiler's default expects a JavaScript host.

@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(fd: i32, vectors: usize, count: i32, ret_bytes: usize): i32;
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, vectors: usize, count: i32, ret_bytes: usize): i32;
@external("wasi_snapshot_preview1", "proc_exit")
declare function proc_exit(code: i32): void;
@external("spear", "log")
declare function spear_log(level: i32, text: usize, text_bytes: i32): i32;

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const SPEAR_INFO = 2;
const BLOCK_BYTES = 4096;

// A vector of WASI (address, length), and where the host says how many bytes it moved.
const vector: usize = memory.data(8);
const moved: usize = memory.data(4);

function writeAll(fd: i32, from: usize, bytes: i32): void {
  while (bytes > 0) {
    store<u32>(vector, <u32>from);
    store<u32>(vector, <u32>bytes, 4);
    if (fd_write(fd, vector, 1, moved) != 0) proc_exit(1);
    const n = load<i32>(moved);
    from += n;
    bytes -= n;
  }
}

function write(fd: i32, text: string): void {
  const bytes = String.UTF8.encode(text);
  writeAll(fd, changetype<usize>(bytes), bytes.byteLength);
}

// Decoded as a whole, so that no character is cut in two.
function readAll(): string {
  let input = new ArrayBuffer(BLOCK_BYTES);
  let size = 0;
  while (true) {
    if (size == input.byteLength) {
      const larger = new ArrayBuffer(2 * size);
      memory.copy(changetype<usize>(larger), changetype<usize>(input), size);
      input = larger;
    }
    store<u32>(vector, <u32>(changetype<usize>(input) + size));
    store<u32>(vector, <u32>(input.byteLength - size), 4);
    if (fd_read(STDIN, vector, 1, moved) != 0) proc_exit(1);
    const n = load<i32>(moved);
    if (n == 0) return String.UTF8.decodeUnsafe(changetype<usize>(input), size);
    size += n;
  }
}

export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  write(STDERR, `${file ? file : "?"}:${line}:${column}: ${message ? message : "aborted"}\n`);
  proc_exit(255);
}

export function fibonacci(n: i32): i64 {
  let a: i64 = 0, b: i64 = 1;
  for (let i = 0; i < n; i++) {
    const next = a + b;
    a = b;
    b = next;
  }
  return a;
}

export function _start(): void {
  const name = readAll().trim();
  write(STDOUT, `Hello, ${name.length ? name : "nobody"}!\n`);
  const note = String.UTF8.encode("greeted");
  spear_log(SPEAR_INFO, changetype<usize>(note), note.byteLength);
}
