// Finds the route of a request. Patterns are compared segment by segment with the decoded path, in one pass over the
// table: tables have a few dozen entries, and a comparison mostly ends at the first differing segment.
#include "net/http_router.h"

#include "base/encode.h"
#include "net/http_internal.h"
#include "net/problem.h"

enum { PARAMS_MAX = 8, ALLOW_BYTES_MAX = 256, PATTERN_SEGMENTS_MAX = 16 };

// What a segment of a pattern is, in falling precedence.
enum segment_kind { SEGMENT_LITERAL, SEGMENT_PARAM, SEGMENT_REST, SEGMENT_END };

struct param {
    struct span name, value;
};

struct match {
    const struct http_route *route;
    unsigned char kinds[PATTERN_SEGMENTS_MAX + 1]; // of enum segment_kind
    size_t param_count;
    struct param params[PARAMS_MAX];
};

struct path { // cut at its slashes; `text` starts behind the first one
    struct span text;
    bool done;
};

static bool next_segment(struct path *path, struct span *ret) {
    if (path->done)
        return false;
    size_t slash = span_find(path->text, '/');
    *ret = span_slice(path->text, 0, slash);
    path->done = slash == path->text.n;
    path->text = span_slice(path->text, slash + 1, path->text.n);
    return true;
}

static struct path path_of(struct span text) {
    return (struct path){span_slice(text, 1, text.n), text.n == 0 || text.p[0] != '/'};
}

static enum segment_kind kind_of(struct span segment) {
    if (segment.n < 3 || segment.p[0] != '{' || segment.p[segment.n - 1] != '}')
        return SEGMENT_LITERAL;
    return span_ends_with(segment, "...}") ? SEGMENT_REST : SEGMENT_PARAM;
}

// Decoded into the arena when there is an escape in it. False on a bad escape.
static bool decode(struct http_exchange *x, struct span text, struct span *ret) {
    if (span_find(text, '%') == text.n) {
        *ret = text;
        return true;
    }
    struct buf decoded;
    buf_init(&decoded, text.n);
    bool ok = percent_decode(text, &decoded) == 0;
    char *copy = ok ? arena_strdup(&x->arena, buf_span(&decoded)) : NULL;
    *ret = span_make(copy, decoded.n);
    buf_done(&decoded);
    return copy != NULL;
}

static void add_param(struct match *m, struct span segment, size_t suffix_bytes, struct span value) {
    ASSERT(m->param_count < PARAMS_MAX);
    m->params[m->param_count++] = (struct param){span_slice(segment, 1, segment.n - 1 - suffix_bytes), value};
}

// The value is kept encoded until the route is chosen; a literal is compared decoded.
static bool match_segment(struct http_exchange *x, struct match *m, enum segment_kind kind, struct span want,
                          struct span have) {
    struct span decoded;
    if (kind == SEGMENT_LITERAL)
        return span_equal(want, have) ||
               (span_find(have, '%') < have.n && decode(x, have, &decoded) && span_equal(want, decoded));
    if (have.n == 0)
        return false;
    add_param(m, want, 1, have);
    return true;
}

static bool match_route(struct http_exchange *x, const struct http_route *route, struct match *ret) {
    struct path pattern = path_of(span_of(route->pattern)), path = path_of(x->path);
    struct span want, have;
    ret->route = route;
    ret->param_count = 0;
    memset(ret->kinds, 0, sizeof ret->kinds); // the rest is filled as it is used: this runs for every route
    for (size_t i = 0; next_segment(&pattern, &want); i++) {
        ASSERT(i < PATTERN_SEGMENTS_MAX);
        enum segment_kind kind = kind_of(want);
        ret->kinds[i] = (unsigned char)kind;
        ret->kinds[i + 1] = SEGMENT_END;
        if (kind == SEGMENT_REST) {
            if (path.done)
                return false;
            add_param(ret, want, 4, path.text);
            return true;
        }
        if (!next_segment(&path, &have) || !match_segment(x, ret, kind, want, have))
            return false;
    }
    return path.done;
}

static bool method_fits(const struct http_route *route, struct span method) {
    return span_equal_text(method, route->method) || route->method[0] == '*';
}

struct search {
    struct match best;
    bool found;
    bool path_found;
    char allow[ALLOW_BYTES_MAX];
    size_t allow_bytes;
};

static void allow(struct search *s, const char *method) {
    struct span rest = {s->allow, s->allow_bytes}, one;
    while (span_next(&rest, ',', &one))
        if (span_equal_text(span_trim(one), method))
            return;
    size_t n = strlen(method);
    if (s->allow_bytes + n + 2 > sizeof s->allow)
        return;
    if (s->allow_bytes) {
        memcpy(s->allow + s->allow_bytes, ", ", 2);
        s->allow_bytes += 2;
    }
    memcpy(s->allow + s->allow_bytes, method, n);
    s->allow_bytes += n;
}

static void consider(struct http_exchange *x, struct search *s, const struct http_route *route, struct span method) {
    struct match m;
    if (!match_route(x, route, &m))
        return;
    s->path_found = true;
    allow(s, route->method);
    if (strcmp(route->method, "GET") == 0)
        allow(s, "HEAD");
    if (!method_fits(route, method))
        return;
    if (!s->found || memcmp(m.kinds, s->best.kinds, sizeof m.kinds) < 0)
        s->best = m;
    s->found = true;
}

static void search(struct http_exchange *x, struct search *s, const struct http_route *routes, size_t count,
                   struct span method) {
    for (size_t i = 0; i < count; i++)
        consider(x, s, &routes[i], method);
}

// Decodes the parameters and leaves them with the exchange.
static bool keep_params(struct http_exchange *x, const struct match *best) {
    struct match *kept = arena_alloc(&x->arena, sizeof *kept);
    if (!kept)
        return false;
    *kept = *best;
    for (size_t i = 0; i < kept->param_count; i++)
        if (!decode(x, kept->params[i].value, &kept->params[i].value))
            return false;
    x->route = kept;
    return true;
}

static bool escapes_ok(struct http_exchange *x) {
    struct span ignored;
    return decode(x, x->path, &ignored);
}

static void answer_not_found(struct http_exchange *x, const struct search *s) {
    if (!s->path_found) {
        http_problem_text(x, ERR_NOT_FOUND, "there is nothing at %.*s", SPAN_ARGS(x->path));
        return;
    }
    struct err e = {.kind = ERR_NONE};
    err_set(&e, ERR_METHOD_NOT_ALLOWED, "%.*s does not take %.*s; it takes %.*s", SPAN_ARGS(x->path),
            SPAN_ARGS(x->method), (int)s->allow_bytes, s->allow);
    struct http_header header = {SPAN_LITERAL("Allow"), {s->allow, s->allow_bytes}};
    http_problem_full(x, err_kind_info(e.kind)->http_status, &e, &header, 1, NULL, NULL);
}

void http_route_dispatch(struct http_exchange *x, const struct http_route *routes, size_t route_count,
                         http_enter *enter, void *ctx) {
    if (!escapes_ok(x)) {
        http_problem_text(x, ERR_INVALID_REQUEST, "the path %.*s has a bad escape", SPAN_ARGS(x->path));
        return;
    }
    struct search s = {0};
    search(x, &s, routes, route_count, x->method);
    if (!s.found && x->is_head)
        search(x, &s, routes, route_count, SPAN_LITERAL("GET"));
    if (!s.found)
        answer_not_found(x, &s);
    else if (s.best.param_count && !keep_params(x, &s.best))
        http_problem_text(x, ERR_INVALID_REQUEST, "the path is too long");
    else if (enter)
        enter(x, s.best.route, ctx);
    else
        s.best.route->handler(x, ctx);
}

struct span http_param(struct http_exchange *x, const char *name) {
    const struct match *m = x->route;
    for (size_t i = 0; m && i < m->param_count; i++)
        if (span_equal_text(m->params[i].name, name))
            return m->params[i].value;
    return (struct span){0};
}
