// Runs one kernel of the WebAssembly module in Node.js (V8) and prints its checksum and the time of its second call; the first lets
// V8 finish its optimising compile.
// usage: kernel.mjs MODULE KERNEL SIZE
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const [file, kernel, size] = process.argv.slice(2);
const wasi = new WASI({ version: "preview1" });
const { instance } = await WebAssembly.instantiate(await readFile(file), wasi.getImportObject());
wasi.initialize(instance);
instance.exports[kernel](Number(size));
const start = process.hrtime.bigint();
const checksum = instance.exports[kernel](Number(size));
const us = Number(process.hrtime.bigint() - start) / 1000;
console.log(JSON.stringify({ checksum, us }));
