// C++ with its standard library: counts the words of the payload and answers JSON, the most frequent first.
//
//     echo "to be or not to be" | spear run word_count.wasm        → {"be":2,"to":2,"not":1,"or":1}
//
// Exceptions are off in WebAssembly as SPEAR runs it: build with -fno-exceptions and check results instead.
#include <algorithm>
#include <cctype>
#include <iostream>
#include <iterator>
#include <map>
#include <spear.h>
#include <string>
#include <vector>

namespace {

using Count = std::pair<std::string, int>;

// Letters and digits only, in lower case, so that the answer needs no escapes.
std::string plain(const std::string &word) {
    std::string kept;
    for (unsigned char c : word) {
        if (std::isalnum(c)) {
            kept += static_cast<char>(std::tolower(c));
        }
    }
    return kept;
}

std::map<std::string, int> count_words(std::istream &in) {
    std::map<std::string, int> counts;
    for (std::string word; in >> word;) {
        std::string key = plain(word);
        if (!key.empty()) {
            counts[key]++;
        }
    }
    return counts;
}

} // namespace

int main() {
    std::map<std::string, int> counts = count_words(std::cin);
    std::vector<Count> sorted(counts.begin(), counts.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const Count &a, const Count &b) { return a.second > b.second; });

    std::cout << '{';
    const char *between = "";
    for (const Count &count : sorted) {
        std::cout << between << '"' << count.first << "\":" << count.second;
        between = ",";
    }
    std::cout << "}\n";

    const std::string note = "words: " + std::to_string(sorted.size());
    spear_log(SPEAR_INFO, note.data(), note.size());
    return std::cout.good() ? 0 : 1;
}
