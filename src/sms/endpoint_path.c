// Cutting a trigger's path; see endpoint_path.h. What an endpoint may look like is model/task.h's. Next step: relay.c.
#include "sms/endpoint_path.h"

#include "base/encode.h"
#include "model/task.h"

enum { TEXT_MAX = 8 * 1024 };

// Takes "/segment" off the front, as it stands; false when nothing is left.
static bool next_segment(struct span *rest, struct span *ret) {
    if (rest->n == 0 || rest->p[0] != '/') {
        return false;
    }
    struct span behind = span_slice(*rest, 1, rest->n);
    *ret = span_slice(behind, 0, span_find(behind, '/'));
    *rest = span_slice(behind, ret->n, behind.n);
    return true;
}

static bool is_endpoint_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '~' || c == '-';
}

static bool is_endpoint_segment(struct span segment) {
    for (size_t i = 0; i < segment.n; i++) {
        if (!is_endpoint_char(segment.p[i])) {
            return false;
        }
    }
    return segment.n > 0;
}

// Adds one more segment, or says that the endpoint ends before it.
static bool add_segment(struct buf *to, struct span segment) {
    struct buf decoded;
    buf_init(&decoded, TEXT_MAX);
    bool fits = percent_decode(segment, &decoded) == 0 && is_endpoint_segment(buf_span(&decoded)) &&
                (to->n == 0 || buf_append_char(to, '/') == 0) && buf_append_span(to, buf_span(&decoded)) == 0;
    buf_done(&decoded);
    return fits;
}

void endpoint_path_read(struct span path, struct buf *ret) {
    struct span segment;
    buf_init(ret, TEXT_MAX);
    if (!next_segment(&path, &segment)) { // "e"
        return;
    }
    for (int i = 0; i < TASK_ENDPOINT_SEGMENTS_MAX && next_segment(&path, &segment); i++) {
        if (!add_segment(ret, segment)) {
            return;
        }
    }
}

struct span endpoint_path_rest(struct span path, struct span endpoint) {
    struct span segment, part;
    (void)next_segment(&path, &segment);
    while (span_next(&endpoint, '/', &part)) {
        (void)next_segment(&path, &segment);
    }
    return path;
}
