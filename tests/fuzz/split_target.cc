// Files cut into lines, CSV records or XML elements: however its reads fall, a file has the same
// records, in their order, none above the limit unless it is bad.

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "adapters/split.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {
namespace {

using adapters::SplitRecord;
using adapters::SplitRule;

std::vector<SplitRecord> records(std::string_view file, const SplitRule& rule, std::size_t piece) {
  const auto splitter = adapters::make_splitter(rule, [&](std::span<char> out) {
    const std::size_t count = std::min({out.size(), file.size(), piece});
    std::memcpy(out.data(), file.data(), count);
    file.remove_prefix(count);
    return count;
  });
  std::vector<SplitRecord> all;
  while (auto record = splitter->next()) all.push_back(*std::move(record));
  return all;
}

bool is_equal(const SplitRecord& a, const SplitRecord& b) {
  return a.number == b.number && a.offset == b.offset && a.line == b.line && a.body == b.body &&
         a.bad == b.bad;
}

}  // namespace

void split(std::string_view input) {
  constexpr std::string_view kRules[] = {"lines", "csv", "xml:a", "xml:/a/b", "xml:a/*"};
  Choices choices(input);
  auto rule = *SplitRule::parse(kRules[choices.below(5)], nullptr);
  if (choices.below(2) == 1) rule.max_record_bytes = 32;
  const std::string_view file = choices.rest();

  const auto whole = records(file, rule, file.size() + 1);
  const auto bytewise = records(file, rule, 1);
  SPOOLMQ_CHECK(std::ranges::equal(whole, bytewise, is_equal));
  std::uint64_t number = 0;
  for (const SplitRecord& record : whole) {
    SPOOLMQ_CHECK(record.number == ++number && record.offset <= file.size());
    if (!record.bad) SPOOLMQ_CHECK(record.body.size() <= rule.max_record_bytes);
  }

  std::string why;
  if (!SplitRule::parse(file, &why)) SPOOLMQ_CHECK(!why.empty());
}

}  // namespace spoolmq::fuzz
