// The progress bar of uploads and downloads: "upload hello.wasm ━━━━━────  54 %  12.3 MiB of 22.8 MiB  8.1 MiB/s".
//
// One line, redrawn in place. It knows neither files nor HTTP: who moves bytes calls progress_add.
#include "cli/progress.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/output.h"

#include <stdio.h>

enum { BAR_CELLS = 24, REDRAW_US = 66000, LINE_BYTES = 512, NAME_SHOWN = 24 };

static void draw_bar(const struct progress *p) {
    double part = p->total_bytes ? (double)p->done_bytes / (double)p->total_bytes : 1;
    int full = (int)((part > 1 ? 1 : part) * BAR_CELLS + 0.5);
    fputs(output_color(p->color, OUTPUT_GREEN), stderr);
    for (int i = 0; i < BAR_CELLS; i++) {
        if (i == full)
            fputs(output_color(p->color, OUTPUT_DIM), stderr);
        fputs(i < full ? "\xE2\x94\x81" : "\xE2\x94\x80", stderr);
    }
    fprintf(stderr, "%s %3d %%", output_color(p->color, OUTPUT_PLAIN), (int)((part > 1 ? 1 : part) * 100));
}

static void draw(struct progress *p) {
    char done[OUTPUT_NUMBER_TEXT], total[OUTPUT_NUMBER_TEXT], speed[OUTPUT_NUMBER_TEXT];
    uint64_t now = clock_monotonic_us(), took = now - p->start_us;
    output_size(p->done_bytes, done);
    output_size(p->total_bytes, total);
    output_size(took ? (uint64_t)((double)p->done_bytes * 1e6 / (double)took) : 0, speed);
    fprintf(stderr, "\r%s %.*s ", p->verb, (int)output_prefix_bytes(p->name, NAME_SHOWN), p->name);
    if (p->total_bytes)
        draw_bar(p);
    fprintf(stderr, "  %s%s%s  %s/s\x1b[K", done, p->total_bytes ? " of " : "", p->total_bytes ? total : "", speed);
    fflush(stderr);
    p->drawn_us = now;
}

void progress_start(struct progress *p, const struct cli *cli, const char *verb, const char *name,
                    uint64_t total_bytes) {
    *p = (struct progress){.on = cli->stderr_tty && !cli->quiet && !cli->json && !cli->no_progress,
                           .verb = verb,
                           .total_bytes = total_bytes,
                           .start_us = clock_monotonic_us(),
                           .color = cli->color_err};
    if (!p->on)
        return;
    p->name = output_clean(span_of(name));
    draw(p);
}

void progress_add(struct progress *p, uint64_t bytes) {
    p->done_bytes += bytes;
    if (p->on && clock_monotonic_us() - p->drawn_us >= REDRAW_US)
        draw(p);
}

void progress_end(struct progress *p) {
    if (p->on) {
        draw(p);
        fputs("\r\x1b[K", stderr);
        fflush(stderr);
    }
    p->on = false;
    free(TAKE(p->name));
}
