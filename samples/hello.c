// A command module: the payload comes on stdin, what it prints is the answer, stderr is the log.
//
//     spear run hello.wasm world        (type a line, then Ctrl-D)
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void shout(char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (text[i] >= 'a' && text[i] <= 'z') {
            text[i] = (char)(text[i] - 'a' + 'A');
        }
    }
}

int main(int argc, char **argv) {
    const char *greeting = getenv("GREETING");
    printf("%s, %s!\n", greeting ? greeting : "Hello", argc > 1 ? argv[1] : "world");

    char block[4096];
    size_t n, total = 0;
    while ((n = fread(block, 1, sizeof block, stdin)) > 0) {
        shout(block, n);
        fwrite(block, 1, n, stdout);
        total += n;
    }
    fprintf(stderr, "hello: %zu bytes of payload, %d arguments\n", total, argc);
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
