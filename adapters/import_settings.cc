#include "adapters/import_settings.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "core/text.h"

namespace spoolmq::adapters {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxTextBytes = 1024;  // of a content type
constexpr std::int64_t kLeastRescanMs = 100;
constexpr std::uint64_t kMostMessages = UINT64_MAX >> 1;

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_plain(std::string_view text) {
  return !first_invalid_utf8(text) && std::ranges::none_of(text, is_control);
}

// ---- One reader per kind of value

template <bool ImportSettings::*kMember>
void read_flag(ImportSettings& settings, const KeyValue& given) {
  settings.*kMember = parse_flag(given);
}

template <milliseconds ImportSettings::*kMember>
void read_duration(ImportSettings& settings, const KeyValue& given) {
  settings.*kMember = milliseconds(parse_duration_ms(given));
}

template <milliseconds watcher::ReadinessOptions::*kMember>
void read_wait(ImportSettings& settings, const KeyValue& given) {
  settings.ready.*kMember = milliseconds(parse_duration_ms(given));
}

template <std::uint64_t ImportSettings::*kMember>
void read_bytes(ImportSettings& settings, const KeyValue& given) {
  settings.*kMember = parse_bytes(given);
}

template <std::uint64_t ImportSettings::*kMember>
void read_mark(ImportSettings& settings, const KeyValue& given) {
  settings.*kMember = parse_count(given, 1, kMostMessages);
}

void add_pattern(std::vector<std::string>& patterns, const KeyValue& given) {
  if (given.value.empty()) throw bad_value(given, "an empty pattern matches nothing");
  if (given.value.front() == '/') {
    throw bad_value(given, "patterns are relative to the directory: no '/' in front");
  }
  if (patterns.size() >= kMaxImportPatterns) {
    throw bad_value(given, "more than " + std::to_string(kMaxImportPatterns) + " patterns");
  }
  patterns.push_back(given.value);
}

template <std::vector<std::string> ImportSettings::*kMember>
void read_pattern(ImportSettings& settings, const KeyValue& given) {
  add_pattern(settings.*kMember, given);
}

// ---- Readers of one key

void add_rule(watcher::ReadinessOptions& ready, watcher::Rule rule) {
  if (!ready.has(rule)) ready.rules.push_back(rule);
}

void read_ready(ImportSettings& settings, const KeyValue& given) {
  std::string_view rest = given.value;
  while (true) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const auto rule = watcher::parse_rule(rest.substr(0, comma));
    if (!rule) throw bad_value(given, "not of rename done-file closed locked stable");
    add_rule(settings.ready, *rule);
    if (comma == rest.size()) return;
    rest.remove_prefix(comma + 1);
  }
}

// An empty one leaves the list empty: every name is final.
void read_unfinished(ImportSettings& settings, const KeyValue& given) {
  if (!given.value.empty()) add_pattern(settings.ready.unfinished, given);
}

void read_done_file(ImportSettings& settings, const KeyValue& given) {
  settings.ready.done_file = parse_beside_template(given);
}

void read_order(ImportSettings& settings, const KeyValue& given) {
  constexpr std::array<std::string_view, 2> kWords{"name", "mtime"};
  settings.order = static_cast<ImportOrder>(parse_choice(given, kWords));
}

void read_recursive(ImportSettings& settings, const KeyValue& given) {
  if (parse_flag(given)) settings.depth = kMaxImportDepth;
}

void read_depth(ImportSettings& settings, const KeyValue& given) {
  settings.depth = parse_count(given, 0, kMaxImportDepth);
}

void read_rescan(ImportSettings& settings, const KeyValue& given) {
  settings.rescan = milliseconds(parse_duration_ms(given));
  if (settings.rescan.count() < kLeastRescanMs) throw bad_value(given, "shorter than 100ms");
}

void check_header_name(const KeyValue& given, std::string_view name,
                       const ImportSettings& settings) {
  if (name.empty() || name.size() > kMaxHeaderNameBytes || !is_plain(name)) {
    throw bad_value(given, "a header's name is 1 to " + std::to_string(kMaxHeaderNameBytes) +
                               " bytes of UTF-8 without control characters");
  }
  if (std::ranges::find(kImportHeaders, name) != std::end(kImportHeaders)) {
    std::string why = "every import sets these headers itself:";
    for (const std::string_view taken : kImportHeaders) why.append(" ").append(taken);
    throw bad_value(given, why);
  }
  for (const auto& [known, value] : settings.headers) {
    if (known == name) throw bad_value(given, "the header is given twice");
  }
  if (settings.headers.size() + std::size(kImportHeaders) >= kMaxHeaderCount) {
    throw bad_value(given, "a message has at most " + std::to_string(kMaxHeaderCount) + " headers");
  }
}

PathTemplate parse_template(const KeyValue& given, std::string_view text) {
  try {
    return PathTemplate::parse(text);
  } catch (const Error& error) {
    throw bad_value(given, error.why());
  }
}

void read_header(ImportSettings& settings, const KeyValue& given) {
  const std::size_t equals = given.value.find('=');
  if (equals == std::string::npos) throw bad_value(given, "not NAME=TEMPLATE");
  const std::string name = given.value.substr(0, equals);
  check_header_name(given, name, settings);
  settings.headers.emplace_back(name, parse_template(given, given.value.substr(equals + 1)));
}

void read_content_type(ImportSettings& settings, const KeyValue& given) {
  const bool has_both_parts = given.value.find('/') != std::string::npos;
  if ((given.value != kGuess && !has_both_parts) || !is_plain(given.value) ||
      given.value.size() > kMaxTextBytes) {
    throw bad_value(given, "not guess, nor a media type such as application/xml");
  }
  settings.content_type = given.value;
}

void read_charset(ImportSettings& settings, const KeyValue& given) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:+-";
  constexpr std::size_t kMaxCharsetBytes = 64;
  if (given.value.empty() || given.value.size() > kMaxCharsetBytes ||
      given.value.find_first_not_of(kAllowed) != std::string::npos) {
    throw bad_value(given, "not the name of a character set such as utf-8 or iso-8859-1");
  }
  settings.charset = given.value;
}

void read_priority(ImportSettings& settings, const KeyValue& given) {
  settings.priority = static_cast<std::uint16_t>(parse_count(given, 0, kMaxPriority));
}

void read_split(ImportSettings& settings, const KeyValue& given) {
  std::string why;
  const auto rule = SplitRule::parse(given.value, &why);
  if (!rule) throw bad_value(given, why);
  settings.split = *rule;
}

void read_keep(ImportSettings& settings, const KeyValue& given) {
  if (parse_flag(given)) settings.after = AfterImport::kKeep;
}

void check_other_directory(const ImportSettings& settings, const KeyValue& given) {
  namespace fs = std::filesystem;
  if (given.value.empty() || given.value.find('\0') != std::string::npos) {
    throw bad_value(given, "not a directory's name");
  }
  const fs::path directory = (fs::path(settings.directory) / "").lexically_normal();
  if ((directory / given.value / "").lexically_normal() == directory) {
    throw bad_value(given, "it is the imported directory itself");
  }
}

void read_done(ImportSettings& settings, const KeyValue& given) {
  check_other_directory(settings, given);
  parse_template(given, given.value);
  for (std::size_t at = 0; (at = given.value.find('{', at)) != std::string::npos; at += 2) {
    const std::string_view field = std::string_view(given.value).substr(at);
    if (!field.starts_with("{{") && !field.starts_with("{date:")) {
      throw bad_value(given, "column " + std::to_string(at + 1) +
                                 ": only {date:FORMAT} may stand between braces");
    }
  }
  settings.done = given.value;
  settings.after = AfterImport::kMoveToDone;
}

void read_errors(ImportSettings& settings, const KeyValue& given) {
  check_other_directory(settings, given);
  settings.errors = given.value;
}

// ---- The table

struct ImportKey {
  AdapterKey key;
  void (*read)(ImportSettings& settings, const KeyValue& given);
};

using I = ImportSettings;
using R = watcher::ReadinessOptions;
constexpr auto kMany = KeyTimes::kMany;
constexpr std::array kTable = std::to_array<ImportKey>({
    {{"ready", "rename|done-file|closed|locked|stable",
      "when a file is complete: rules that must all agree (default closed,stable)", kMany},
     read_ready},
    {{"stable-for", "D", "how long size and times must not change (default 2s)"},
     read_wait<&R::stable_for>},
    {{"quiet-for", "D",
      "how long, where nobody can tell whether it is open for writing (default 60s); "
      "a shorter one shortens stable-for"},
     read_wait<&R::quiet_for>},
    {{"unfinished", "GLOB",
      "names that are left alone, instead of .* ~* *.tmp *.part *.filepart *.writing", kMany},
     read_unfinished},
    {{"done-file", "TEMPLATE",
      "of {name} {stem} {ext}: the file that says another is complete (default {name}.done)"},
     read_done_file},
    {{"include", "GLOB", "only names that match; with a '/', relative paths", kMany},
     read_pattern<&I::include>},
    {{"exclude", "GLOB", "no names that match", kMany}, read_pattern<&I::exclude>},
    {{"min-size", "S", "smaller files are left"}, read_bytes<&I::min_size>},
    {{"max-size", "S", "larger files are left"}, read_bytes<&I::max_size>},
    {{"min-age", "D", "files modified less than this ago are left"}, read_duration<&I::min_age>},
    {{"max-age", "D", "files modified more than this ago are left"}, read_duration<&I::max_age>},
    {{"order", "name|mtime", "which comes first (default mtime, the oldest)"}, read_order},
    {{"recursive", "", "subdirectories too"}, read_recursive},
    {{"depth", "N", "so many levels of subdirectories (default 0)"}, read_depth},
    {{"rescan", "D", "a look at the whole directory at least so often (default 30s)"}, read_rescan},
    {{"header", "NAME=TEMPLATE",
      "a header made of {name} {stem} {ext} {path} {path:N} {date:FORMAT}", kMany},
     read_header},
    {{"content-type", "T", "the header of that name; guess: from name and first bytes"},
     read_content_type},
    {{"charset", "C", "added to the content type"}, read_charset},
    {{"priority", "N", "of the messages, larger first (default 4)"}, read_priority},
    {{"split", "lines|xml:PATH|csv", "a message per line, element or record"}, read_split},
    {{"keep", "", "imported files stay, and are not imported again"}, read_keep},
    {{"done", "DIR", "imported files go there; may hold {date:FORMAT}"}, read_done},
    {{"errors", "DIR", "files that cannot be imported go there, with the reason"}, read_errors},
    {{"trusted", "", "the directory's writers may do what we may: no copies are made"},
     read_flag<&I::trusted>},
    {{"high-mark", "N", "from so many waiting messages on, files stay (default: the capacity)"},
     read_mark<&I::high_mark>},
    {{"low-mark", "N", "where it goes on (default: half of high-mark)"}, read_mark<&I::low_mark>},
});

constexpr auto kKeys = [] {
  std::array<AdapterKey, kTable.size()> keys{};
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = kTable[i].key;
  return keys;
}();

// ---- What goes together

void check_rules(const ImportSettings& settings, std::span<const KeyValue> given) {
  const KeyValue* const stable_for = find_value(given, "stable-for");
  if (stable_for != nullptr && !settings.ready.has(watcher::Rule::kStable)) {
    throw clash(*stable_for, "it belongs to the rule stable, which ready does not name");
  }
  const KeyValue* const quiet_for = find_value(given, "quiet-for");
  if (quiet_for != nullptr && !settings.ready.has(watcher::Rule::kClosed) &&
      !settings.ready.has(watcher::Rule::kStable)) {
    throw clash(*quiet_for, "it belongs to the rule closed, which ready does not name");
  }
}

void check_together(const ImportSettings& settings, std::span<const KeyValue> given) {
  refuse_both(given, "keep", "done");
  refuse_both(given, "recursive", "depth");
  check_rules(settings, given);
  if (settings.min_size > settings.max_size) {
    throw clash(*find_value(given, "min-size"), "more than max-size");
  }
  if (settings.max_age.count() > 0 && settings.min_age > settings.max_age) {
    throw clash(*find_value(given, "min-age"), "more than max-age");
  }
  if (settings.high_mark > 0 && settings.low_mark > settings.high_mark) {
    throw clash(*find_value(given, "low-mark"), "more than high-mark");
  }
  if (settings.charset.empty()) return;
  const KeyValue& charset = *find_value(given, "charset");
  if (settings.content_type.empty()) {
    throw clash(charset, "there is no content-type that it could be added to");
  }
  if (settings.content_type.find("charset=") != std::string::npos) {
    throw clash(charset, "content-type has a charset already");
  }
}

}  // namespace

std::span<const AdapterKey> import_keys() { return kKeys; }

ImportSettings parse_import_settings(std::string queue, std::string directory,
                                     std::span<const KeyValue> given) {
  ImportSettings settings;
  settings.queue = std::move(queue);
  settings.directory = std::move(directory);
  const bool has_done_file = find_value(given, "done-file") != nullptr;
  if (has_done_file || find_value(given, "ready") != nullptr) settings.ready.rules.clear();
  if (find_value(given, "unfinished") != nullptr) settings.ready.unfinished.clear();
  for (const KeyValue& value : given) {
    const auto row = std::ranges::find_if(
        kTable, [&value](const ImportKey& one) { return one.key.name == value.key; });
    if (row == kTable.end()) throw bad_value(value, "an import has no such key");
    row->read(settings, value);
  }
  if (has_done_file) add_rule(settings.ready, watcher::Rule::kDoneFile);
  if (find_value(given, "quiet-for") != nullptr && find_value(given, "stable-for") == nullptr) {
    settings.ready.stable_for = std::min(settings.ready.stable_for, settings.ready.quiet_for);
  }
  check_together(settings, given);
  return settings;
}

}  // namespace spoolmq::adapters
