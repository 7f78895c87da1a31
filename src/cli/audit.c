// spear audit: who changed what, when; the newest first. Next step: listing.c.
#include "base/mem.h"
#include "cli/listing.h"

static const struct table_column columns[] = {
    {.title = "AT"},   {.title = "WHO", .shrinks = true},  {.title = "FROM"},
    {.title = "WHAT"}, {.title = "NAME", .shrinks = true}, {.title = "ID"},
};

static void add_row(struct table *t, json_val *entry) {
    static const char *const members[] = {"at", "actor", "address", "action", "object_name", "object_id"};
    for (size_t i = 0; i < COUNT_OF(members); i++)
        table_add_span(t, json_string(json_get(entry, members[i])));
}

static int run_audit(struct cli *cli, const struct args *args) {
    static const struct listing listing = {.command = "audit",
                                           .path = "/api/v1/audit",
                                           .member = "entries",
                                           .id = "object_id",
                                           .columns = columns,
                                           .column_count = COUNT_OF(columns),
                                           .row = add_row,
                                           .empty = "nothing was changed yet"};
    return listing_run(cli, args, &listing);
}

const struct command audit_command = {.name = "audit",
                                      .arguments = "",
                                      .summary = "show who changed what, and when",
                                      .flags = {listing_flags, LISTING_PAGE_FLAGS},
                                      .run = run_audit};
