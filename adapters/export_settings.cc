#include "adapters/export_settings.h"

#include <algorithm>
#include <array>
#include <utility>

namespace spoolmq::adapters {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxSeparatorBytes = 1024;
constexpr std::uint64_t kMostMessages = UINT64_MAX >> 1;

// ---- Readers of one key

void read_name(ExportSettings& settings, const KeyValue& given) {
  try {
    settings.name = NameTemplate::parse(given.value);
  } catch (const Error& error) {
    throw bad_value(given, error.why());
  }
}

constexpr std::string_view kDefaultDoneName = "{name}.done";

void read_exists(ExportSettings& settings, const KeyValue& given) {
  constexpr std::array<std::string_view, 5> kWords{"fail", "suffix", "replace", "skip",
                                                   "skip-if-equal"};
  settings.if_taken = static_cast<IfTaken>(parse_choice(given, kWords));
}

void read_mode(ExportSettings& settings, const KeyValue& given) {
  settings.mode = parse_mode(given);
}

void read_group(ExportSettings& settings, const KeyValue& given) {
  if (given.value.empty() || given.value.find('\0') != std::string::npos) {
    throw bad_value(given, "not a group's name or number");
  }
  settings.group = given.value;
}

template <bool ExportSettings::*kMember>
void read_flag(ExportSettings& settings, const KeyValue& given) {
  settings.*kMember = parse_flag(given);
}

// `done-name` says which; its order does not matter.
void read_done_file(ExportSettings& settings, const KeyValue& given) {
  if (parse_flag(given) && settings.done_file.empty()) settings.done_file = kDefaultDoneName;
}

void read_done_name(ExportSettings& settings, const KeyValue& given) {
  settings.done_file = parse_beside_template(given);
}

void read_checksum(ExportSettings& settings, const KeyValue& given) {
  constexpr std::array<std::string_view, 1> kWords{kSha256};
  settings.checksum = kWords[parse_choice(given, kWords)];
}

void read_rotate_size(ExportSettings& settings, const KeyValue& given) {
  settings.rotate_size = parse_bytes(given);
}

void read_rotate_every(ExportSettings& settings, const KeyValue& given) {
  settings.rotate_every = milliseconds(parse_duration_ms(given));
}

std::string without_escapes(const KeyValue& given) {
  constexpr std::pair<char, char> kEscapes[] = {
      {'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'0', '\0'}, {'\\', '\\'}};
  std::string text;
  for (std::size_t at = 0; at < given.value.size(); ++at) {
    if (given.value[at] != '\\') {
      text += given.value[at];
      continue;
    }
    ++at;
    const auto* const escape = std::ranges::find_if(kEscapes, [&](const auto& known) {
      return at < given.value.size() && known.first == given.value[at];
    });
    if (escape == std::end(kEscapes)) {
      throw bad_value(given, "a backslash stands before one of n r t 0 \\");
    }
    text += escape->second;
  }
  return text;
}

void read_separator(ExportSettings& settings, const KeyValue& given) {
  settings.separator = without_escapes(given);
  if (settings.separator.size() > kMaxSeparatorBytes) {
    throw bad_value(given, "more than " + std::to_string(kMaxSeparatorBytes) + " bytes");
  }
}

void read_limit(ExportSettings& settings, const KeyValue& given) {
  settings.limit = parse_count(given, 1, kMostMessages);
}

// ---- The table

struct ExportKey {
  AdapterKey key;
  void (*read)(ExportSettings&, const KeyValue&);
};

constexpr std::string_view kName = "name";
constexpr std::string_view kFileName = "file-name";

constexpr auto kTable = std::to_array<ExportKey>({
    {{kName, "TEMPLATE",
      "of {id} {seq} {name} {stem} {ext} {date:%Y%m%d} {header:NAME} (default {name})"},
     read_name},
    {{kFileName, "TEMPLATE", "the same; in spoolmq.toml name is the adapter's"}, read_name},
    {{"exists", "fail|suffix|replace|skip|skip-if-equal", "what to do if the name is taken"},
     read_exists},
    {{"mode", "OCTAL", "permission bits of the files (default 0644 less the umask)"}, read_mode},
    {{"group", "G", "group of the files, a name or a number"}, read_group},
    {{"mtime", "", "files get the time in the header mtime"},
     read_flag<&ExportSettings::restore_mtime>},
    {{"done-file", "", "an empty file NAME.done, made last"}, read_done_file},
    {{"done-name", "TEMPLATE", "the same under another name, such as {stem}.ok"}, read_done_name},
    {{"checksum", "sha256", "NAME.sha256, complete before NAME appears"}, read_checksum},
    {{"append", "", "messages go to the end of one file; the name holds {date:FORMAT} at most"},
     read_flag<&ExportSettings::append>},
    {{"rotate-size", "S", "that file is put aside before it grows beyond this"}, read_rotate_size},
    {{"rotate-every", "D", "that file is put aside so long after its first byte"},
     read_rotate_every},
    {{"separator", "TEXT", "behind a body that does not end in it (default \\n)"}, read_separator},
    {{"limit", "N", "at most so many messages"}, read_limit},
});

constexpr auto kKeys = [] {
  std::array<AdapterKey, kTable.size()> keys{};
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = kTable[i].key;
  return keys;
}();

// ---- What goes together

void check_append(const ExportSettings& settings, std::span<const KeyValue> given) {
  const KeyValue& append = *find_value(given, "append");
  for (const std::string_view other : {"exists", "mtime", "done-file", "done-name", "checksum"}) {
    refuse_both(given, other, "append");
  }
  const KeyValue* const name = find_value(given, kName);
  const KeyValue* const file_name = find_value(given, kFileName);
  if (name == nullptr && file_name == nullptr) throw clash(append, "it needs a name for the file");
  if (!settings.name.is_of_no_message()) {
    throw clash(name != nullptr ? *name : *file_name,
                "with append the name is of text and {date:FORMAT} only");
  }
}

void check_together(const ExportSettings& settings, std::span<const KeyValue> given) {
  refuse_both(given, kName, kFileName);
  if (settings.append) return check_append(settings, given);
  for (const std::string_view key : {"rotate-size", "rotate-every", "separator"}) {
    if (const KeyValue* const value = find_value(given, key)) {
      throw clash(*value, "it belongs to append");
    }
  }
}

}  // namespace

std::span<const AdapterKey> export_keys() { return kKeys; }

ExportSettings parse_export_settings(std::string queue, std::string directory,
                                     std::span<const KeyValue> given) {
  ExportSettings settings;
  settings.queue = std::move(queue);
  settings.directory = std::move(directory);
  for (const KeyValue& value : given) {
    const auto row = std::ranges::find_if(
        kTable, [&value](const ExportKey& one) { return one.key.name == value.key; });
    if (row == kTable.end()) throw bad_value(value, "an export has no such key");
    row->read(settings, value);
  }
  check_together(settings, given);
  return settings;
}

}  // namespace spoolmq::adapters
