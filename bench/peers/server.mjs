// An HTTP server in Node.js that answers each request with a new instance of a WASI command module: the body on stdin, stdout as the answer.
// Prints its address on stdout. usage: server.mjs MODULE
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

const module = await WebAssembly.compile(await readFile(process.argv[2]));

// The two calls that the tiny guest makes; node:wasi would go through files for each request.
function answer(payload) {
  const output = [];
  let memory;
  const parts = (at, count) => {
    const view = new DataView(memory.buffer);
    return Array.from({ length: count }, (_, i) => new Uint8Array(memory.buffer, view.getUint32(at + 8 * i, true), view.getUint32(at + 8 * i + 4, true)));
  };
  const fd_read = (fd, at, count, n) => {
    let taken = 0;
    for (const part of parts(at, count)) {
      const piece = payload.subarray(taken, taken + part.length);
      part.set(piece);
      taken += piece.length;
    }
    new DataView(memory.buffer).setUint32(n, taken, true);
    return 0;
  };
  const fd_write = (fd, at, count, n) => {
    const pieces = parts(at, count).map((part) => part.slice());
    output.push(...pieces);
    new DataView(memory.buffer).setUint32(n, pieces.reduce((sum, piece) => sum + piece.length, 0), true);
    return 0;
  };
  const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: { fd_read, fd_write } });
  memory = instance.exports.memory;
  instance.exports._start();
  return Buffer.concat(output);
}

const server = createServer((request, response) => {
  const body = [];
  request.on("data", (piece) => body.push(piece));
  request.on("end", () => {
    const output = answer(Buffer.concat(body));
    response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": output.length });
    response.end(output);
  });
});
server.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${server.address().port}`));
