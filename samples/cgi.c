// A CGI program (RFC 3875), as WAGI modules are: variables in, header fields and a page out. Register it with an endpoint and
// http.cgi=true, then open http://127.0.0.1:8080/e/ENDPOINT/anything?name=you. Build: see samples/meson.build.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static void print_escaped(const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", stdout);
            break;
        case '&':
            fputs("&amp;", stdout);
            break;
        default:
            putchar(*text);
        }
    }
}

int main(void) {
    if (strcmp(variable("REQUEST_METHOD"), "GET") != 0) {
        printf("Status: 405 Method Not Allowed\nAllow: GET\nContent-Type: text/plain\n\nGET only\n");
        return 0;
    }
    if (strcmp(variable("PATH_INFO"), "/home") == 0) {
        printf("Location: %s/\n\n", variable("SCRIPT_NAME"));
        return 0;
    }
    printf("Content-Type: text/html; charset=utf-8\nCache-Control: no-store\n\n<h1>");
    print_escaped(variable("PATH_INFO"));
    printf("</h1>\n<p>");
    print_escaped(variable("QUERY_STRING"));
    printf("</p>\n");
    return 0;
}
