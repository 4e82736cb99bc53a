#include "adapters/import_send.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "adapters/content_type.h"
#include "adapters/dead_letters.h"
#include "adapters/source_tree.h"
#include "core/log.h"
#include "core/text.h"
#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

std::string octal(std::uint32_t mode) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), mode, 8).ptr;
  return "0" + std::string(digits.data(), end);
}

Message with_id(const ImportEntry& entry) {
  Message message = entry.message;
  message.id = entry.claim.id;
  return message;
}

// False: the queue does not take all of them; which ones is found out one by one.
bool send_together(Queue& queue, std::span<ImportEntry> entries) {
  std::vector<Message> messages;
  for (const ImportEntry& entry : entries) {
    if (entry.outcome == SendOutcome::kNotTried) messages.push_back(with_id(entry));
  }
  if (messages.empty()) return true;
  try {
    queue.send_batch(std::move(messages), durably());
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kBadData || error.code() == ErrorCode::kTryAgain) return false;
    throw;
  }
  for (ImportEntry& entry : entries) {
    if (entry.outcome == SendOutcome::kNotTried) entry.outcome = SendOutcome::kSent;
  }
  return true;
}

// Confirmed only if the file had not changed when its end was reached.
SendOutcome stream(Queue& queue, const ImportEntry& entry) {
  File& file = *entry.large;
  std::uint64_t offset = 0;
  bool changed = false;
  bool unreadable = false;
  const BodySource body = [&](std::span<char> into) {
    unreadable = true;  // unless it returns
    const std::size_t got = file.read_at(std::as_writable_bytes(into), offset);
    unreadable = false;
    offset += got;
    if (got == 0) {
      changed = offset != entry.claim.file.size || identity_of(file.status()) != entry.claim.file;
      if (changed) {
        throw Error(ErrorCode::kTryAgain, "import", entry.claim.name,
                    "it changed while it was read");
      }
    }
    return got;
  };
  try {
    queue.send_stream(with_id(entry), body, durably());
  } catch (const Error& error) {
    if (unreadable) log_unreadable(entry.claim.name, error);
    if (unreadable) return SendOutcome::kUnreadable;
    if (!changed) throw;
    return SendOutcome::kChanged;
  }
  return SendOutcome::kSent;
}

// A body that is given up may be linked instead of copied, and one that stays be cloned, but only
// while a lease keeps writers away, or in a directory whose writers are trusted to leave it alone.
SendOutcome send_large(Queue& queue, ImportEntry& entry, const ImportSettings& settings) {
  File& file = *entry.large;
  const watcher::ReadLease lease(file);
  const FileStatus status = file.status();
  if (lease.writers() == watcher::Writers::kSome || identity_of(status) != entry.claim.file) {
    return SendOutcome::kChanged;
  }
  const bool is_left_alone = lease.writers() == watcher::Writers::kNone || settings.trusted;
  if (file.descriptor() < 0 || !is_left_alone) return stream(queue, entry);
  BodyFile how = settings.trusted ? BodyFile::kTakeTrusted : BodyFile::kTake;
  // A stranger may hold on to a file of theirs in more ways than a lease can see.
  const bool is_foreign = status.uid != ::geteuid() && !settings.trusted;
  if (settings.after != AfterImport::kRemove || is_foreign) how = BodyFile::kCopy;
  queue.send_file(with_id(entry), file.descriptor(), how, durably());
  if (lease.writers() == watcher::Writers::kNone && !lease.is_undisturbed()) {
    log::warn("a program opened a file for writing while it was taken into the queue",
              {{"file", entry.claim.name}, {"id", entry.claim.id.text()}});
  }
  const FileIdentity now = identity_of(file.status());
  if (now.same_content_as(entry.claim.file)) entry.claim.file = now;
  return SendOutcome::kSent;
}

std::string shown(std::string_view text) {
  return first_invalid_utf8(text) ? printable(text) : std::string(text);
}

}  // namespace

void log_unreadable(const std::string& path, const Error& error) {
  log::warn("left a file that cannot be read", {{"file", printable(path)}, {"why", error.why()}});
}

SendOptions durably() {
  SendOptions options;
  options.durability = Durability::kSync;
  return options;
}

Message message_of(const std::string& path, const FileStatus& status, std::string_view source,
                   std::string_view head, std::int64_t wall_ms, const ImportSettings& settings) {
  const std::string_view name = split_path(path).name;
  Message message;
  message.priority = settings.priority;
  message.headers = {{"name", shown(name)},
                     {"path", shown(path)},
                     {"mtime", format_time(status.mtime_ns / kNsPerMs)},
                     {"mode", octal(status.mode)},
                     {"owner", std::to_string(status.uid)},
                     {std::string(kSourceHeader), shown(source)}};
  if (!settings.content_type.empty()) {
    std::string type =
        settings.content_type == kGuess ? guess_content_type(name, head) : settings.content_type;
    if (!settings.charset.empty()) type += "; charset=" + settings.charset;
    message.headers.emplace_back("content-type", std::move(type));
  }
  for (const auto& [header, value] : settings.headers) {
    message.headers.emplace_back(header, value.render(path, wall_ms));
  }
  return message;
}

std::optional<Error> send_entries(Queue& queue, std::span<ImportEntry> entries,
                                  const ImportSettings& settings) {
  for (ImportEntry& entry : entries) {
    if (entry.claim.state != ImportState::kIntent) entry.outcome = SendOutcome::kKnown;
  }
  if (entries.size() > 1 && send_together(queue, entries)) return std::nullopt;
  for (ImportEntry& entry : entries) {
    if (entry.outcome != SendOutcome::kNotTried) continue;
    try {
      if (entry.large) {
        entry.outcome = send_large(queue, entry, settings);
      } else {
        queue.send_checked(with_id(entry), durably());
        entry.outcome = SendOutcome::kSent;
      }
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kTryAgain) return error;
      if (error.code() != ErrorCode::kBadData) throw;
      entry.outcome = SendOutcome::kRefused;
      entry.refusal = error;
    }
  }
  return std::nullopt;
}

}  // namespace spoolmq::adapters
