// Reads one grant. What is granted is a volume by name: a task never names a path of the node.
#include "model/task_grant.h"

static bool is_guest_path(struct span path) {
    struct span rest = path, part;
    if (path.n == 0 || path.n > TASK_GUEST_PATH_MAX)
        return false;
    if (span_equal_text(path, "/") || span_equal_text(path, "."))
        return true;
    if (span_find(path, '\0') < path.n || span_ends_with(path, "/"))
        return false;
    if (path.p[0] == '/')
        rest = span_slice(path, 1, path.n);
    while (span_next(&rest, '/', &part))
        if (part.n == 0 || span_equal_text(part, ".") || span_equal_text(part, ".."))
            return false;
    return true;
}

static bool is_volume(struct span name) {
    if (name.n == 0 || name.n > TASK_VOLUME_MAX || name.p[0] == '.')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
              c == '-'))
            return false;
    }
    return true;
}

static void keep(struct span text, char *to) {
    memcpy(to, text.p, text.n);
    to[text.n] = '\0';
}

bool task_grant_read(struct span guest_path, struct span value, struct task_grant *ret, const char **ret_allowed) {
    struct span rest = value, volume = {0}, part = {0};
    uint64_t max_bytes = UINT64_MAX;
    *ret_allowed = "granted at a guest path such as /data (at most 255 bytes; no empty part, no \".\" and no \"..\")";
    if (!is_guest_path(guest_path))
        return false;
    *ret_allowed =
        "<volume>[:ro|:rw][:max bytes], such as photos:rw:1000000 (a volume is 1 to 64 of letters, digits and "
        "\"._-\", not beginning with a dot)";
    if (!span_next(&rest, ':', &volume) || !is_volume(volume) || span_ends_with(value, ":"))
        return false;
    bool more = span_next(&rest, ':', &part), writable = more && span_equal_text(part, "rw");
    if (more && (writable || span_equal_text(part, "ro")))
        more = span_next(&rest, ':', &part);
    if (rest.n || (more && !span_to_u64(part, &max_bytes)))
        return false;
    *ret = (struct task_grant){.writable = writable, .max_bytes = max_bytes};
    keep(guest_path, ret->guest_path);
    keep(volume, ret->volume);
    return true;
}
