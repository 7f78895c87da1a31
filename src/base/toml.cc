// TOML through tomlplusplus, and the only C++ of the project: a tree of tables becomes a flat list of keys and texts.
//
// Nothing of C++ leaves this file: exceptions end in toml_read, memory goes out as mem.h's.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <toml++/toml.h>

extern "C" {
#include "base/file.h"
#include "base/mem.h"
#include "base/toml.h"
}

namespace {

constexpr size_t file_bytes_max = 1024 * 1024;
constexpr size_t entries_max = 4096;

// What is wrong with a value, to be reported with its place.
struct refusal {
    std::string what;
    int line, column;
};

[[noreturn]] void refuse(const toml::node &node, const std::string &what) {
    throw refusal{what, static_cast<int>(node.source().begin.line), static_cast<int>(node.source().begin.column)};
}

std::string number_text(double value) {
    char text[64];
    std::snprintf(text, sizeof text, "%.17g", value);
    return text;
}

// The text of a value that is neither table nor array.
std::string scalar_text(const std::string &key, const toml::node &node) {
    if (auto text = node.as_string())
        return text->get();
    if (auto integer = node.as_integer())
        return std::to_string(integer->get());
    if (auto number = node.as_floating_point())
        return number_text(number->get());
    if (auto flag = node.as_boolean())
        return flag->get() ? "true" : "false";
    refuse(node, "\"" + key + "\" may not be a date, a time, or a table or array inside an array");
}

std::string array_text(const std::string &key, const toml::array &array) {
    std::string all;
    for (const toml::node &element : array) {
        std::string text = scalar_text(key, element);
        if (text.find(',') != std::string::npos)
            refuse(element, "\"" + key + "\": an element may not hold a comma");
        all += (&element == &array.front() ? "" : ",") + text;
    }
    return all;
}

void add_entry(toml_file &file, const std::string &key, const std::string &value, const toml::node &node) {
    if (key.find('\0') != std::string::npos || value.find('\0') != std::string::npos)
        refuse(node, "a NUL character is not allowed");
    if (file.count == entries_max)
        refuse(node, "more than " + std::to_string(entries_max) + " keys");
    if ((file.count & (file.count - 1)) == 0) { // a power of two: the room is used up
        size_t room = file.count ? file.count * 2 : 1;
        file.entries = static_cast<toml_entry *>(mem_realloc(file.entries, room * sizeof(toml_entry)));
    }
    file.entries[file.count++] = {mem_strdup(key.c_str()), mem_strdup(value.c_str()),
                                  static_cast<int>(node.source().begin.line)};
}

// The parser bounds how deep tables nest, and with it this recursion.
void flatten(toml_file &file, const toml::table &table, const std::string &prefix) {
    for (const auto &[name, node] : table) {
        std::string key = prefix + std::string(name.str());
        if (auto inner = node.as_table())
            flatten(file, *inner, key + ".");
        else if (auto array = node.as_array())
            add_entry(file, key, array_text(key, *array), node);
        else
            add_entry(file, key, scalar_text(key, node), node);
    }
}

int place_error(struct err *e, const char *path, int line, int column, const char *what) {
    return err_set(e, ERR_INVALID_CONFIGURATION, "%s:%d:%d: %s", path, line, column, what);
}

int parse(const char *path, std::string_view text, toml_file &file, struct err *e) {
    try {
        flatten(file, toml::parse(text, std::string_view(path)), "");
        return 0;
    } catch (const toml::parse_error &failure) {
        auto place = failure.source().begin;
        std::string what(failure.description());
        return place_error(e, path, static_cast<int>(place.line), static_cast<int>(place.column), what.c_str());
    } catch (const refusal &r) {
        return place_error(e, path, r.line, r.column, r.what.c_str());
    } catch (const std::exception &failure) {
        return place_error(e, path, 1, 1, failure.what());
    }
}

} // namespace

extern "C" int toml_read(const char *path, struct toml_file *ret_file, struct err *e) {
    struct buf text;
    buf_init(&text, file_bytes_max);
    if (file_read(path, &text, e) < 0) {
        buf_done(&text);
        if (e)
            e->kind = ERR_INVALID_CONFIGURATION;
        return -1;
    }
    toml_file file = {nullptr, 0};
    int status = parse(path, std::string_view(buf_text(&text), text.n), file, e);
    buf_done(&text);
    if (status < 0)
        toml_done(&file);
    else
        *ret_file = file;
    return status;
}

extern "C" void toml_done(struct toml_file *file) {
    for (size_t i = 0; i < file->count; i++) {
        std::free(file->entries[i].key);
        std::free(file->entries[i].value);
    }
    std::free(file->entries);
    file->entries = nullptr;
    file->count = 0;
}
