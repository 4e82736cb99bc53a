#pragma once
// Every name that reaches a path is made or checked here, and nowhere else: queue names and their
// directories, the files of a queue, spool files and their shards.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "spoolmq/id.h"

namespace spoolmq::names {

inline constexpr std::size_t kMaxQueueNameBytes = 128;

// Segments [A-Za-z0-9][A-Za-z0-9._-]* joined by '/', at most 128 bytes in all.
// Returns why it is refused; nullopt: it is a queue name.
std::optional<std::string> refuse_queue_name(std::string_view name);
std::string queue_directory(std::string_view queue_name);  // '/' as %2F
std::optional<std::string> queue_of_directory(std::string_view directory_name);

enum class SpoolKind : std::uint8_t { kXml, kBinary, kBody };
struct SpoolName {
  MessageId file;
  SpoolKind kind = SpoolKind::kBinary;
};
std::string spool_file(const MessageId& file, SpoolKind kind);  // UUID.xml UUID.seg UUID.body
std::optional<SpoolName> parse_spool_file(std::string_view name);
std::string shard_directory(std::uint8_t shard);  // two lower-case hex digits
// A temporary of one incarnation: ".tmp-<incarnation>-<serial>", 16 hex digits each.
std::string temporary(std::uint64_t incarnation, std::uint64_t serial);
std::optional<std::uint64_t> parse_temporary(std::string_view name);  // its incarnation

std::string index_file(std::uint64_t generation);                      // index.G.db
std::optional<std::uint64_t> parse_index_file(std::string_view name);  // also of -wal and -shm

// What a handle acknowledged before its index knew: acks-SSSS, its slot in hexadecimal.
std::string acks_file(std::uint32_t slot);
bool is_acks_file(std::string_view name);

inline constexpr std::string_view kSettings = "queue.toml";
inline constexpr std::string_view kBoot = "boot";
inline constexpr std::string_view kLock = "lock";
inline constexpr std::string_view kHandles = "handles";
inline constexpr std::string_view kVerdicts = "verdicts.log";
inline constexpr std::string_view kImports = "imports.db";
inline constexpr std::string_view kBallast = "ballast";
inline constexpr std::string_view kMessages = "msgs";
inline constexpr std::string_view kCorrupt = "corrupt";
inline constexpr std::string_view kPause = "paused";

inline constexpr std::string_view kBackup = "backup.json";  // what makes a root a backup

inline constexpr std::string_view kQueues = "queues";
inline constexpr std::string_view kTopics = "topics";
inline constexpr std::string_view kHistory = "history";
inline constexpr std::string_view kRun = "run";

}  // namespace spoolmq::names
