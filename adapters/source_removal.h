#pragma once
// How an imported file leaves its directory: it is renamed to a name that says whose message it is,
// looked at again, and only then unlinked or moved to the `done` directory. A program that puts a
// new file under the old name at that moment, or still writes to the old one, loses nothing: what
// is not the imported file any more gets its name back.
// Not thread-safe.

#include <optional>
#include <string>
#include <string_view>

#include "adapters/import_identity.h"
#include "adapters/side_directory.h"
#include "adapters/source_tree.h"
#include "core/clock.h"
#include "core/file_system.h"
#include "spoolmq/id.h"
#include "watcher/readiness_options.h"

namespace spoolmq::adapters {

// .spoolmq-import-<message id>: between being claimed and being gone.
std::string departing_name(const MessageId& id);
std::optional<MessageId> parse_departing_name(std::string_view name);

// Renames `name` to `wanted` in `to`, or to that with .1 .2 … before the extension where it is
// taken; returns the name it got, nullopt if `name` was gone. Nothing is overwritten. Not durable
// before both directories are synced.
std::optional<std::string> rename_to_free_name(Dir& from, std::string_view name, Dir& to,
                                               const std::string& wanted);

enum class Departure : std::uint8_t {
  kGone,     // it has left: its row may go once that is durable
  kNotOurs,  // what bears the name is another file or version, or nothing does
  kStays,    // somebody writes to it or touched it; its row is kept
};

class SourceRemoval {
 public:
  // `done`: where files go; null: they are unlinked. By the rules in `ready`, a file that somebody
  // has opened for writing again stays, and a file that said it was finished goes with it.
  SourceRemoval(SourceTree& source, SideDirectory* done, ImportIdentity& identity,
                const Clock& clock, const watcher::ReadinessOptions& ready);

  // `file` is what the path stood for when it was last looked at; its message must be durable and
  // its row done or kept. kStays also where we may not rename or remove it.
  Departure depart(const MessageId& id, const FileIdentity& file, const std::string& path);
  // For a departing name that a pass which was cut short has left in `directory`.
  Departure resume(const KnownImport& known, std::string_view directory);
  // On return every departure so far survives a power cut.
  void sync();

 private:
  Departure finish(Dir& directory, const MessageId& id, const FileIdentity& file,
                   const std::string& path);
  bool is_let_go(Dir& directory, const std::string& name, const FileIdentity& file, bool* is_it);
  void keep(const MessageId& id);

  SourceTree& source_;
  SideDirectory* const done_;
  ImportIdentity& identity_;
  const Clock& clock_;
  const watcher::ReadinessOptions& ready_;
};

}  // namespace spoolmq::adapters
