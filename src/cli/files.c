// spear files: what sms keeps: list, upload, download, remove.
//
// The bytes move in transfer.c; lists and removals are listing.c.
#include "base/id.h"
#include "base/mem.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/output_file.h"
#include "cli/transfer.h"

#include <stdio.h>
#include <unistd.h>

static const struct table_column columns[] = {
    {.title = "NAME", .shrinks = true},
    {.title = "SIZE", .right = true},
    {.title = "AGE", .right = true},
    {.title = "SHA256", .shrinks = true},
    {.title = "ID"},
};

static void add_row(struct table *t, json_val *file) {
    table_add_span(t, json_string(json_get(file, "name")));
    table_add_size(t, (uint64_t)json_i64(json_get(file, "len")));
    table_add_age(t, json_i64(json_get(file, "modified_at")));
    table_add_span(t, span_slice(json_string(json_get(file, "checksum_sha256")), 0, 12));
    table_add_span(t, json_string(json_get(file, "id")));
}

static int run_ls(struct cli *cli, const struct args *args) {
    static const struct listing listing = {.command = "files ls",
                                           .path = "/api/v1/files",
                                           .member = "files",
                                           .id = "id",
                                           .columns = columns,
                                           .column_count = COUNT_OF(columns),
                                           .row = add_row,
                                           .empty = "no files; upload one with: spear files put FILE"};
    return listing_run(cli, args, &listing);
}

// ---- put

static const struct flag put_flags[] = {
    {"name", 'n', "NAME", "the name it gets; default: the file's own"},
    {"content-type", 0, "TYPE", "its media type; default: by the name's ending"},
};

static const char *guess_type(const char *name) {
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".wasm", "application/wasm"},         {".json", "application/json"}, {".txt", "text/plain; charset=utf-8"},
        {".html", "text/html; charset=utf-8"}, {".png", "image/png"},         {".jpg", "image/jpeg"}};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (span_ends_with(span_of(name), types[i].ending))
            return types[i].type;
    return "application/octet-stream";
}

static void print_uploaded(const struct cli *cli, const char *name, const struct uploaded *file) {
    char size[OUTPUT_NUMBER_TEXT];
    AUTO_FREE char *clean = output_clean(span_of(name));
    output_size(file->size_bytes, size);
    if (cli->quiet) {
        printf("%s\n", file->id);
    } else if (cli->json) {
        struct buf text;
        struct json_out *out = json_out_new();
        json_node *root = json_out_object(out);
        json_add_bool(out, root, "success", true);
        json_add_text(out, root, "id", file->id);
        json_add_text(out, root, "name", name);
        json_add_text(out, root, "uri", file->uri);
        json_add_i64(out, root, "len", (int64_t)file->size_bytes);
        json_add_text(out, root, "checksum_sha256", file->sha256);
        buf_init(&text, OUTPUT_LINE_MAX);
        json_out_print(out, false, &text);
        output_json_line(buf_span(&text));
        buf_done(&text);
        json_out_free(out);
    } else {
        printf("%s  %s, %s, sha256 %.12s…\n", file->uri, clean, size, file->sha256);
    }
}

static int put_stdin(struct api *api, const struct args *args, struct err *e) {
    struct uploaded uploaded;
    const char *name = args_text(args, "name"), *type = args_text(args, "content-type");
    struct upload upload = {.fd = STDIN_FILENO,
                            .size_bytes = UINT64_MAX,
                            .sha256 = "",
                            .name = name ? name : "stdin",
                            .content_type = type ? type : guess_type(name ? name : "")};
    if (transfer_upload(api, &upload, &uploaded, e) != 0)
        return -1;
    print_uploaded(api->cli, upload.name, &uploaded);
    return 0;
}

static int put_file(struct api *api, const struct args *args, const char *path, struct err *e) {
    struct uploaded uploaded;
    struct local_file file;
    const char *name = args_text(args, "name"), *type = args_text(args, "content-type");
    if (local_file_open(path, &file, e) != 0) {
        snprintf(api->hint, API_HINT_MAX, "%s",
                 e->kind == ERR_FILE_NOT_FOUND ? "name a file: its path is taken from the current directory"
                                               : "name a regular file that can be read, or - for stdin");
        return -1;
    }
    struct upload upload = {.fd = file.fd,
                            .size_bytes = file.size_bytes,
                            .sha256 = file.sha256,
                            .name = name ? name : file.name,
                            .content_type = type ? type : guess_type(name ? name : file.name)};
    int result = transfer_upload(api, &upload, &uploaded, e);
    if (result == 0)
        print_uploaded(api->cli, upload.name, &uploaded);
    local_file_done(&file);
    return result;
}

static int run_put(struct cli *cli, const struct args *args) {
    struct err e;
    struct api api;
    int code = 0;
    if (args_has(args, "name") && args->rest_count > 1) {
        err_set(&e, ERR_INVALID_CONFIGURATION, "--name names one file, %zu are given", args->rest_count);
        return output_usage_error(cli, "files put", &e);
    }
    if (api_init(&api, cli, cli->sms_addr, &e) != 0)
        return output_error(cli, &e, NULL);
    for (size_t i = 0; i < args->rest_count && code == 0; i++) {
        const char *path = args->rest[i];
        if ((strcmp(path, "-") == 0 ? put_stdin(&api, args, &e) : put_file(&api, args, path, &e)) != 0)
            code = output_error(cli, &e, api.hint);
    }
    api_done(&api);
    return output_finish(cli, code);
}

// ---- by name

struct name_search {
    const char *name;
    char id[SMS_URI_ID_MAX + 1];
    size_t found;
};

static int compare_name(void *ctx, struct span key, json_val *value) {
    (void)key;
    struct name_search *s = ctx;
    if (!span_equal_text(json_string(json_get(value, "name")), s->name))
        return 0;
    if (s->found++ == 0) // the newest comes first
        snprintf(s->id, sizeof s->id, "%.*s", SPAN_ARGS(json_string(json_get(value, "id"))));
    return 0;
}

// The id of what the user named: an id, or a name that exactly one file has.
static int resolve(struct api *api, const char *word, char ret_id[SMS_URI_ID_MAX + 1], struct err *e) {
    struct name_search search = {.name = word};
    uint64_t total;
    if (uuid_valid(span_of(word))) {
        snprintf(ret_id, SMS_URI_ID_MAX + 1, "%s", word);
        return 0;
    }
    AUTO_FREE char *query = api_path("&q=", word, "");
    struct api_list list = {.path = "/api/v1/files", .member = "files", .query = query, .limit = API_PAGE, .all = true};
    if (api_list(api, &list, compare_name, &search, &total, e) != 0)
        return -1;
    if (search.found == 0) {
        snprintf(api->hint, API_HINT_MAX, "see: spear files ls");
        return err_set(e, ERR_FILE_NOT_FOUND, "no file has the id or name \"%s\"", word);
    }
    if (search.found > 1) {
        snprintf(api->hint, API_HINT_MAX, "choose one by its id: spear files ls --filter NAME");
        return err_set(e, ERR_CONFLICT, "%zu files have the name \"%s\"", search.found, word);
    }
    memcpy(ret_id, search.id, sizeof search.id);
    return 0;
}

// ---- get

static const struct flag get_flags[] = {
    {"output", 'o', "FILE", "write there; - is stdout, even a terminal"},
    {"meta", 0, NULL, "show what sms knows of the file instead of its content"},
};

static int get_to_stdout(struct api *api, const char *id, const char *name, bool refuse_binary, struct err *e) {
    struct download download = {.file_id = id, .name = name, .fd = STDOUT_FILENO, .refuse_binary = refuse_binary};
    int result = transfer_download(api, &download, e);
    if (result != 0 && e->kind == ERR_INVALID_REQUEST && refuse_binary)
        snprintf(api->hint, API_HINT_MAX, "write it to a file with -o FILE, or to the terminal all the same with -o -");
    return result;
}

static int get_to_file(struct api *api, const char *id, const char *name, const char *path, struct err *e) {
    struct output_file file;
    if (output_file_open(path, &file, e) != 0)
        return -1;
    int result = transfer_download(api, &(struct download){.file_id = id, .name = name, .fd = file.fd}, e);
    if (result == 0)
        result = output_file_commit(&file, e);
    output_file_done(&file);
    if (result == 0 && !api->cli->quiet && !api->cli->json) {
        AUTO_FREE char *clean = output_clean(span_of(path));
        fprintf(stderr, "%s written\n", clean);
    }
    return result;
}

static void print_meta(const struct cli *cli, json_val *meta) {
    char size[OUTPUT_NUMBER_TEXT];
    output_size((uint64_t)json_i64(json_get(meta, "len")), size);
    table_print_field(cli, "name", json_string(json_get(meta, "name")));
    table_print_field(cli, "id", json_string(json_get(meta, "id")));
    table_print_field(cli, "size", span_of(size));
    table_print_field(cli, "type", json_string(json_get(meta, "content_type")));
    listing_print_time(cli, "created", json_i64(json_get(meta, "created_at")));
    table_print_field(cli, "sha256", json_string(json_get(meta, "checksum_sha256")));
}

static int get_meta(struct api *api, const char *id, struct err *e) {
    struct json_doc *doc CLEANUP(json_free_pointer) = NULL;
    AUTO_FREE char *path = api_path("/api/v1/files/", id, "/meta");
    struct api_request request = {.method = "GET", .path = path};
    if (api_json(api, &request, &doc, e) != 0)
        return -1;
    if (!json_bool(json_get(json_root(doc), "found"))) {
        snprintf(api->hint, API_HINT_MAX, "see: spear files ls");
        return err_set(e, ERR_FILE_NOT_FOUND, "no file has the id \"%s\"", id);
    }
    if (!api->cli->json) {
        print_meta(api->cli, json_root(doc));
        return 0;
    }
    struct buf text;
    buf_init(&text, OUTPUT_JSON_MAX);
    json_print(json_root(doc), &text);
    output_json_line(buf_span(&text));
    buf_done(&text);
    return 0;
}

static int run_get(struct cli *cli, const struct args *args) {
    struct err e;
    struct api api;
    char id[SMS_URI_ID_MAX + 1];
    const char *output = args_text(args, "output");
    bool to_stdout = !output || strcmp(output, "-") == 0, meta = args_has(args, "meta");
    if (api_init(&api, cli, cli->sms_addr, &e) != 0)
        return output_error(cli, &e, NULL);
    int result = resolve(&api, args->rest[0], id, &e);
    if (result == 0)
        result = meta        ? get_meta(&api, id, &e)
                 : to_stdout ? get_to_stdout(&api, id, args->rest[0], !output && cli->stdout_tty, &e)
                             : get_to_file(&api, id, args->rest[0], output, &e);
    int code = result == 0 ? 0 : output_error(cli, &e, api.hint);
    api_done(&api);
    return output_finish(cli, code);
}

// ---- rm

static const struct flag rm_flags[] = {
    {"force", 0, NULL, "remove a file that a task still names, too"},
};

static int run_rm(struct cli *cli, const struct args *args) {
    return listing_remove(cli, args, "/api/v1/files/", args_has(args, "force") ? "?force=true" : "");
}

const struct command files_ls_command = {.name = "files ls",
                                         .arguments = "",
                                         .summary = "list the files that sms keeps",
                                         .flags = {listing_flags, LISTING_FLAGS},
                                         .run = run_ls};
const struct command files_put_command = {
    .name = "files put",
    .arguments = "FILE...",
    .summary = "upload files; - is stdin",
    .details = "The sha256 is computed first and sent along: what arrives damaged is refused.\n"
               "\n"
               "  spear files put hello.wasm\n"
               "  make-data | spear files put - --name data.bin",
    .flags = FLAG_SET(put_flags),
    .rest_min = 1,
    .rest_max = SIZE_MAX,
    .run = run_put};
const struct command files_get_command = {.name = "files get",
                                          .arguments = "FILE",
                                          .summary = "download a file, by id or name",
                                          .details = "Without -o it goes to stdout, unless it is binary and stdout a "
                                                     "terminal. The sha256 is verified; with -o FILE\n"
                                                     "the file appears whole or not at all.",
                                          .flags = FLAG_SET(get_flags),
                                          .rest_min = 1,
                                          .rest_max = 1,
                                          .run = run_get};
const struct command files_rm_command = {.name = "files rm",
                                         .arguments = "ID...",
                                         .summary = "remove files, by id",
                                         .flags = FLAG_SET(rm_flags),
                                         .rest_min = 1,
                                         .rest_max = SIZE_MAX,
                                         .run = run_rm};
