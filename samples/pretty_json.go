// Go: the JSON document on stdin comes back indented, its keys sorted.
//
//	echo '{"b":1,"a":[2]}' | spear run pretty_json.wasm
//
// Anything that is not JSON ends the function with exit code 2 and says why on stderr.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"unsafe"
)

// Module "spear" of the host; see sdk/c/spear.h for what it says.
//
//go:wasmimport spear log
//go:noescape
func spearLog(level int32, text unsafe.Pointer, textBytes int32) int32

const spearInfo = 2

func log(text string) {
	spearLog(spearInfo, unsafe.Pointer(unsafe.StringData(text)), int32(len(text)))
}

func main() {
	input, err := io.ReadAll(os.Stdin)
	var document any
	if err == nil {
		err = json.Unmarshal(input, &document)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pretty_json:", err)
		os.Exit(2)
	}
	output, _ := json.MarshalIndent(document, "", "  ")
	fmt.Printf("%s\n", output)
	log(fmt.Sprintf("%d bytes in, %d bytes out", len(input), len(output)))
}
