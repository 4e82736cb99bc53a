#pragma once
// Splits bytes held by a test, handed over in pieces of a given size.

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/split.h"
#include "core/check.h"

namespace spoolmq::adapters {

inline BodySource source_of(std::string bytes, std::size_t chunk = 1 << 20) {
  return [bytes = std::move(bytes), chunk, at = std::size_t{0}](std::span<char> into) mutable {
    const std::size_t size = std::min({chunk, into.size(), bytes.size() - at});
    std::memcpy(into.data(), bytes.data() + at, size);
    at += size;
    return size;
  };
}

struct SplitRun {
  std::size_t limit = 1 << 20;
  std::size_t chunk = 1 << 20;
};

inline std::vector<SplitRecord> records_of(Splitter& splitter) {
  std::vector<SplitRecord> all;
  while (auto record = splitter.next()) all.push_back(std::move(*record));
  SPOOLMQ_CHECK(!splitter.next());  // the end stays the end
  return all;
}

inline std::vector<SplitRecord> split(std::string_view rule_text, std::string_view bytes,
                                      const SplitRun& run = {}) {
  std::string why;
  auto rule = SplitRule::parse(rule_text, &why);
  SPOOLMQ_CHECK(rule.has_value());
  rule->max_record_bytes = run.limit;
  return records_of(*make_splitter(*rule, source_of(std::string(bytes), run.chunk)));
}

// The bodies of the good ones, and "!why" of the bad ones.
inline std::vector<std::string> outcomes(const std::vector<SplitRecord>& records) {
  std::vector<std::string> made;
  for (const SplitRecord& one : records) made.push_back(one.bad ? "!" + *one.bad : one.body);
  return made;
}

}  // namespace spoolmq::adapters
