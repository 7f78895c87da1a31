// A table that is gathered first and printed once all widths are known.
//
// On a pipe nothing is cut; on a terminal the shrinking columns give way until a row fits.
#include "cli/table.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/output.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { GAP = 2, COLUMNS_MAX = 12, SHRUNK_MIN = 8, FIELD_WIDTH = 12 };

struct table {
    const struct table_column *columns;
    size_t column_count;
    char **cells;
    size_t cell_count, capacity;
};

struct table *table_new(const struct table_column *columns, size_t column_count) {
    ASSERT(column_count <= COLUMNS_MAX);
    struct table *t = NEW(struct table);
    t->columns = columns;
    t->column_count = column_count;
    return t;
}

void table_free(struct table *t) {
    if (!t)
        return;
    for (size_t i = 0; i < t->cell_count; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t);
}

void table_add_span(struct table *t, struct span text) {
    if (t->cell_count == t->capacity) {
        t->capacity = t->capacity ? 2 * t->capacity : 64;
        t->cells = mem_realloc(t->cells, t->capacity * sizeof *t->cells);
    }
    t->cells[t->cell_count++] = output_clean(text.n ? text : SPAN_LITERAL("-"));
}

void table_add(struct table *t, const char *text) {
    table_add_span(t, span_of(text));
}

void table_add_size(struct table *t, uint64_t bytes) {
    char text[OUTPUT_NUMBER_TEXT];
    output_size(bytes, text);
    table_add(t, text);
}

void table_add_age(struct table *t, int64_t since_unix_s) {
    char text[OUTPUT_NUMBER_TEXT] = "-";
    if (since_unix_s > 0)
        output_age(clock_unix_s() - since_unix_s, text);
    table_add(t, text);
}

static size_t terminal_width(void) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 0;
    return size.ws_col;
}

static void natural_widths(const struct table *t, size_t widths[COLUMNS_MAX]) {
    for (size_t c = 0; c < t->column_count; c++)
        widths[c] = output_width(t->columns[c].title);
    for (size_t i = 0, c = 0; i < t->cell_count; i++, c = c + 1 < t->column_count ? c + 1 : 0) {
        size_t width = output_width(t->cells[i]);
        widths[c] = width > widths[c] ? width : widths[c];
    }
}

static void shrink_widths(const struct table *t, size_t limit, size_t widths[COLUMNS_MAX]) {
    size_t total = GAP * (t->column_count - 1);
    for (size_t c = 0; c < t->column_count; c++)
        total += widths[c];
    for (size_t c = 0; c < t->column_count && total > limit; c++) {
        if (!t->columns[c].shrinks || widths[c] <= SHRUNK_MIN)
            continue;
        size_t give = widths[c] - SHRUNK_MIN < total - limit ? widths[c] - SHRUNK_MIN : total - limit;
        widths[c] -= give;
        total -= give;
    }
}

static void print_cell(const char *text, size_t width, bool right, bool last) {
    size_t natural = output_width(text);
    if (natural > width) {
        printf("%.*s\xE2\x80\xA6", (int)output_prefix_bytes(text, width - 1), text); // an ellipsis
        natural = width;
    } else if (right) {
        printf("%*s%s", (int)(width - natural), "", text);
    } else {
        fputs(text, stdout);
    }
    if (!last)
        printf("%*s", (int)((right ? 0 : width - natural) + GAP), "");
}

void table_print(const struct table *t, const struct cli *cli) {
    size_t widths[COLUMNS_MAX] = {0}, limit = cli->stdout_tty ? terminal_width() : 0;
    natural_widths(t, widths);
    if (limit)
        shrink_widths(t, limit, widths);
    fputs(output_color(cli->color_out, OUTPUT_BOLD), stdout);
    for (size_t c = 0; c < t->column_count; c++)
        print_cell(t->columns[c].title, widths[c], t->columns[c].right, c + 1 == t->column_count);
    printf("%s\n", output_color(cli->color_out, OUTPUT_PLAIN));
    for (size_t i = 0, c = 0; i < t->cell_count; i++, c = c + 1 < t->column_count ? c + 1 : 0) {
        bool last = c + 1 == t->column_count;
        print_cell(t->cells[i], widths[c], t->columns[c].right, last);
        if (last)
            putchar('\n');
    }
}

void table_print_field(const struct cli *cli, const char *label, struct span value) {
    AUTO_FREE char *clean = output_clean(value.n ? value : SPAN_LITERAL("-"));
    printf("%s%-*s%s %s\n", output_color(cli->color_out, OUTPUT_DIM), FIELD_WIDTH, label,
           output_color(cli->color_out, OUTPUT_PLAIN), clean);
}
