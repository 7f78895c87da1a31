// A function that answers piece by piece, with the calls of module spear: it counts down from what the request's body says,
// as server-sent events. Watch it: curl -N -H 'Accept: text/event-stream' -d 5 http://127.0.0.1:8080/e/ENDPOINT
#include <spear.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void header(const char *name, const char *value) {
    spear_response_header(name, strlen(name), value, strlen(value));
}

static int refuse(const char *why) {
    spear_response_status(400);
    header("Content-Type", "text/plain");
    spear_response_write(why, strlen(why));
    return 0;
}

// What the client asked for, cut to the room; "" when it did not say.
static void pace(char *text, size_t room) {
    size_t n = room - 1;
    text[spear_request_header("x-pace-ms", strlen("x-pace-ms"), text, &n) == 0 ? n : 0] = '\0';
}

int main(void) {
    char body[16] = "", text[64];
    int32_t n = spear_request_read(body, sizeof body - 1);
    long count = n > 0 ? strtol(body, NULL, 10) : 0;
    if (count < 1 || count > 1000) {
        return refuse("a number from 1 to 1000, please\n");
    }
    pace(text, sizeof text);
    long pace_ms = text[0] ? strtol(text, NULL, 10) : 200;
    header("Content-Type", "text/event-stream");
    header("Cache-Control", "no-store");
    for (long i = count; i > 0; i--) {
        int bytes = snprintf(text, sizeof text, "id: %ld\ndata: %ld\n\n", count - i + 1, i);
        spear_response_write(text, (size_t)bytes);
        struct timespec pause = {pace_ms / 1000, pace_ms % 1000 * 1000000};
        nanosleep(&pause, NULL);
    }
    return 0;
}
