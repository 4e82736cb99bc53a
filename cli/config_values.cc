#include "cli/config_values.h"

#include <algorithm>
#include <numeric>

#include "core/text.h"

namespace spoolmq::cli {
namespace {

using adapters::AdapterKey;
using adapters::KeyTimes;

constexpr std::size_t kMostShownBytes = 80;
constexpr std::size_t kMostDistance = 2;  // letters changed, added or left out, of a meant key

// Integers stand for counts and sizes; the digits of a mode would be read as octal, those of a
// duration lack their unit.
bool takes_integer(const AdapterKey& key) { return key.value_name == "N" || key.value_name == "S"; }

std::string wanted_type(const AdapterKey& key) {
  if (key.value_name.empty()) return "true or false";
  std::string wanted = "a string";
  if (key.value_name == "N") wanted = "a whole number";
  if (key.value_name == "S") wanted = R"(a size: an integer or a string such as "10M")";
  if (key.value_name == "D") wanted = R"(a duration: a string such as "30s")";
  if (key.value_name == "OCTAL") wanted = R"(a string of octal digits such as "0640")";
  if (key.times == KeyTimes::kMany) wanted += ", or an array of them";
  return wanted;
}

// The text that a parser of values takes; nullopt: this key is not written like that.
std::optional<std::string> text_of(const AdapterKey& key, const toml::node& node) {
  if (key.value_name.empty()) {
    const auto* const flag = node.as_boolean();
    if (flag == nullptr) return std::nullopt;
    return flag->get() ? "true" : "false";
  }
  if (const auto* const text = node.as_string()) return text->get();
  const auto* const number = node.as_integer();
  if (number == nullptr || !takes_integer(key)) return std::nullopt;
  return std::to_string(number->get());
}

// Of the Levenshtein distance, one row at a time.
std::size_t distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < other.size(); ++j) {
      const std::size_t replaced = diagonal + (one[i] == other[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row.back();
}

// Collects the values of one key.
class ValueReader {
 public:
  ValueReader(const AdapterKey& key, ConfigReport& report) : key_(key), report_(report) {}

  void read(const toml::node& node) {
    const auto* const array = node.as_array();
    const auto* const table = node.as_table();
    if (array != nullptr && key_.times == KeyTimes::kMany) {
      for (std::size_t i = 0; i < array->size(); ++i) {
        const toml::node& element = *array->get(i);
        add(element, std::string(key_.name) + "[" + std::to_string(i) + "]",
            text_of(key_, element));
      }
      // None of them, where a parser has a meaning for that.
      if (array->empty()) add(node, key_.name, "");
    } else if (table != nullptr && key_.value_name.find('=') != std::string_view::npos) {
      for (const auto& [name, value] : *table) {
        auto text = text_of(key_, value);
        if (text) text->insert(0, std::string(name.str()) + "=");
        add(value, std::string(key_.name) + "." + std::string(name.str()), text);
      }
    } else {
      add(node, key_.name, text_of(key_, node));
    }
  }

  std::vector<ConfigValue> take() { return std::move(values_); }

 private:
  // `name` tells the values of one key apart: parsers name what they refuse by `where`.
  void add(const toml::node& node, std::string_view name, const std::optional<std::string>& text) {
    if (!text) {
      report_.add(node.source(), std::string(name) + ": it must be " + wanted_type(key_));
      return;
    }
    const std::uint64_t line = node.source().begin.line;
    values_.push_back({{std::string(key_.name), *text,
                        report_.path + ":" + std::to_string(line) + ": " + shown(name, *text)},
                       line});
  }

  const AdapterKey& key_;
  ConfigReport& report_;
  std::vector<ConfigValue> values_;
};

}  // namespace

void ConfigReport::add(const toml::source_region& where, std::string_view why) {
  problems.push_back({where.begin.line, printable(why)});
}

std::vector<ConfigValue> read_values(const AdapterKey& key, const toml::node& node,
                                     ConfigReport& report) {
  ValueReader reader(key, report);
  reader.read(node);
  return reader.take();
}

std::optional<std::string> read_text(std::string_view key, const toml::node& node,
                                     std::string_view wanted, ConfigReport& report) {
  if (const auto* const text = node.as_string()) return text->get();
  report.add(node.source(), std::string(key) + ": it must be " + std::string(wanted));
  return std::nullopt;
}

std::optional<bool> read_bool(std::string_view key, const toml::node& node, ConfigReport& report) {
  if (const auto* const flag = node.as_boolean()) return flag->get();
  report.add(node.source(), std::string(key) + ": it must be true or false");
  return std::nullopt;
}

std::string unknown_key(std::string_view name, std::span<const std::string_view> allowed) {
  std::string near;
  std::string all;
  for (const std::string_view known : allowed) {
    all.append(all.empty() ? "" : " ").append(known);
    if (name.size() > known.size() + kMostDistance || distance(name, known) > kMostDistance) {
      continue;
    }
    near.append(near.empty() ? "" : " or ").append(known);
  }
  const std::string what = "there is no key '" + printable(name.substr(0, kMostShownBytes)) + "'";
  if (!near.empty()) return what + "; did you mean " + near + "?";
  return what + "; there are " + all;
}

std::string shown(std::string_view key, std::string_view value) {
  std::string text = std::string(key) + " = \"";
  text += printable(value.substr(0, kMostShownBytes));
  text += value.size() > kMostShownBytes ? "…\"" : "\"";
  return text;
}

}  // namespace spoolmq::cli
