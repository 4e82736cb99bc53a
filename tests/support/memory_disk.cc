#include "tests/support/memory_disk.h"

#include <chrono>
#include <exception>
#include <random>

#include "spoolmq/error.h"
#include "tests/support/memory_vfs_state.h"

namespace spoolmq::test {
namespace {

struct Registry {
  std::mutex mutex;
  std::uint64_t last_number = 0;
  std::map<std::string, std::weak_ptr<Disk>, std::less<>> disks;  // by prefix
};

Registry& registry() {
  static Registry instance;
  return instance;
}

std::string next_prefix() {
  const std::lock_guard lock(registry().mutex);
  return "/twin-" + std::to_string(++registry().last_number);
}

struct Words {
  std::string_view trace;
  std::string_view error;  // as the real file system says it
};

Words words_of(OperationKind kind) {
  switch (kind) {
    case OperationKind::kWrite:
      return {"write", "write"};
    case OperationKind::kTruncate:
      return {"truncate", "truncate"};
    case OperationKind::kAllocate:
      return {"allocate", "allocate"};
    case OperationKind::kPunch:
      return {"punch", "punch"};
    case OperationKind::kSync:
      return {"sync", "sync"};
    case OperationKind::kSyncDir:
      return {"sync-dir", "sync"};
    case OperationKind::kCreate:
      return {"create", "create"};
    case OperationKind::kLink:
      return {"link", "link"};
    case OperationKind::kRename:
      return {"rename", "rename"};
    case OperationKind::kUnlink:
      return {"unlink", "remove"};
    case OperationKind::kMakeDir:
      return {"mkdir", "make directory"};
    case OperationKind::kRemoveDir:
      return {"rmdir", "remove"};
  }
  return {"?", "?"};
}

std::string line_of(const Operation& operation, std::string_view detail) {
  std::string line(words_of(operation.kind).trace);
  line.append(" ").append(operation.path);
  if (!operation.new_path.empty()) line.append(" -> ").append(operation.new_path);
  if (!detail.empty()) line.append(" ").append(detail);
  return line;
}

// Copies what one inode is, but neither its content nor its entries.
NodePtr like(const Node& from) {
  auto node = std::make_shared<Node>();
  node->kind = from.kind;
  node->inode = from.inode;
  node->mode = from.mode;
  node->uid = from.uid;
  node->gid = from.gid;
  node->mtime_ns = from.mtime_ns;
  node->ctime_ns = from.ctime_ns;
  return node;
}

class PowerCutCopy {
 public:
  PowerCutCopy(Names names, Bytes bytes, std::uint64_t seed)
      : names_(names), bytes_(bytes), random_(seed) {}

  NodePtr copy(const Node& from) {
    NodePtr& node = copies_[&from];
    if (!node) {
      node = like(from);
      if (from.kind == FileKind::kDirectory) {
        const Entries& entries = names_ == Names::kLost ? from.durable_entries : from.entries;
        for (const auto& [name, entry] : entries) node->entries[name] = copy(*entry);
        node->durable_entries = node->entries;
      } else {
        node->content = from.content.after_power_cut(bytes_, random_);
      }
    }
    ++node->links;
    return node;
  }

 private:
  Names names_;
  Bytes bytes_;
  std::mt19937_64 random_;
  std::map<const Node*, NodePtr> copies_;
};

class KillCopy {
 public:
  NodePtr copy(const Node& from) {
    if (const auto found = copies_.find(&from); found != copies_.end()) return found->second;
    NodePtr node = like(from);
    copies_[&from] = node;
    node->links = from.links;
    node->content = from.content;
    node->unsynced = from.unsynced;
    node->removed = from.removed;
    for (const auto& [name, entry] : from.entries) node->entries[name] = copy(*entry);
    for (const auto& [name, entry] : from.durable_entries) {
      node->durable_entries[name] = copy(*entry);
    }
    return node;
  }

 private:
  std::map<const Node*, NodePtr> copies_;
};

}  // namespace

void Node::touch() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  mtime_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  ctime_ns = mtime_ns;
}

void Node::set_entry(std::string_view name, NodePtr node) {
  entries.insert_or_assign(std::string(name), std::move(node));
  unsynced.emplace(name);
  touch();
}

void Node::erase_entry(std::string_view name) {
  if (const auto found = entries.find(name); found != entries.end()) entries.erase(found);
  unsynced.emplace(name);
  touch();
}

void Node::sync_entries() {
  for (const std::string& name : unsynced) {
    if (const auto found = entries.find(name); found != entries.end()) {
      durable_entries.insert_or_assign(name, found->second);
    } else {
      durable_entries.erase(name);
    }
  }
  unsynced.clear();
}

Disk::Disk(std::uint64_t device_number) : prefix_(next_prefix()), device_(device_number) {
  root = new_node(FileKind::kDirectory, 0755);
  root->links = 1;
}

Disk::~Disk() {
  const std::lock_guard lock(registry().mutex);
  registry().disks.erase(prefix_);
}

std::shared_ptr<Disk> Disk::make(std::uint64_t device_number) {
  auto disk = std::make_shared<Disk>(device_number);
  const std::lock_guard lock(registry().mutex);
  registry().disks[disk->prefix()] = disk;
  return disk;
}

std::shared_ptr<Disk> Disk::of_path(std::string_view path) {
  const std::string_view start = path.substr(0, path.find('/', 1));
  const std::lock_guard lock(registry().mutex);
  const auto found = registry().disks.find(start);
  return found == registry().disks.end() ? nullptr : found->second.lock();
}

std::string Disk::full_path(std::string_view relative) const {
  return relative == "." ? prefix_ : prefix_ + "/" + std::string(relative);
}

Gate Disk::gate(const Operation& operation, std::string_view detail) {
  using Way = Gate::Way;
  if (cut || buried) return {is_silent() ? Way::kSkip : Way::kCut, 0};
  ++operations;
  if (operations == cut_number) {
    cut = true;
    return {is_silent() ? Way::kSkip : Way::kCut, 0};
  }
  std::string line = line_of(operation, detail);
  if (fail_number != 0 && (operations == fail_number ||
                           (fail_repeat == Repeat::kForever && operations > fail_number))) {
    trace.push_back("failed " + line);
    return {Way::kFail, fail_errno};
  }
  if (filter && filter(operation) == Verdict::kSkip) {
    trace.push_back("skipped " + line);
    return {Way::kSkip, 0};
  }
  trace.push_back(std::move(line));
  return {Way::kDo, 0};
}

bool Disk::permit(const Operation& operation, std::string_view detail) {
  return obey(gate(operation, detail), operation);
}

bool Disk::obey(const Gate& gate, const Operation& operation) const {
  switch (gate.way) {
    case Gate::Way::kDo:
      return true;
    case Gate::Way::kSkip:
      return false;
    case Gate::Way::kFail:
      throw Error::from_errno(gate.error_number, words_of(operation.kind).error,
                              full_path(operation.path));
    case Gate::Way::kCut:
      throw PowerCut{};
  }
  return false;
}

void Disk::check_power() const {
  if ((cut || buried) && !is_silent()) throw PowerCut{};
}

int Disk::look_refusal() {
  if (cut || buried) return 0;
  ++looks;
  const bool again = fail_look_repeat == Repeat::kForever && looks > fail_look_number;
  return fail_look_number != 0 && (looks == fail_look_number || again) ? fail_look_errno : 0;
}

void Disk::look(std::string_view operation, std::string_view path) {
  check_power();
  if (const int refused = look_refusal(); refused != 0) {
    throw Error::from_errno(refused, operation, full_path(path));
  }
}

bool Disk::is_silent() const { return buried || (cut && std::uncaught_exceptions() > 0); }

NodePtr Disk::new_node(FileKind kind, std::uint32_t mode) {
  auto node = std::make_shared<Node>();
  node->kind = kind;
  node->inode = next_inode_++;
  node->mode = mode & 07777;
  node->touch();
  return node;
}

NodePtr Disk::find(std::string_view relative) const {
  NodePtr node = root;
  while (!relative.empty() && relative != ".") {
    const std::size_t slash = relative.find('/');
    const auto found = node->entries.find(relative.substr(0, slash));
    if (found == node->entries.end()) return nullptr;
    node = found->second;
    relative = slash == std::string_view::npos ? "" : relative.substr(slash + 1);
  }
  return node;
}

FileStatus Disk::status_of(const Node& node) const {
  FileStatus status;
  status.kind = node.kind;
  status.device = device_;
  status.inode = node.inode;
  status.size = node.content.size();
  status.blocks = node.content.sectors_allocated();
  status.links = node.links;
  status.mode = node.mode;
  status.uid = node.uid;
  status.gid = node.gid;
  status.mtime_ns = node.mtime_ns;
  status.ctime_ns = node.ctime_ns;
  return status;
}

std::shared_ptr<SqliteFileState> Disk::sqlite_state(const Node& node) {
  std::weak_ptr<SqliteFileState>& known = sqlite_states_[node.inode];
  std::shared_ptr<SqliteFileState> state = known.lock();
  if (!state) {
    state = std::make_shared<SqliteFileState>();
    known = state;
  }
  return state;
}

std::shared_ptr<Disk> Disk::after_power_cut(Names names, Bytes bytes, std::uint64_t seed) const {
  std::shared_ptr<Disk> after = make(device_);
  after->root = PowerCutCopy(names, bytes, seed).copy(*root);
  after->next_inode_ = next_inode_;
  after->space = space;
  after->support = support;
  return after;
}

std::shared_ptr<Disk> Disk::after_kill() const {
  std::shared_ptr<Disk> after = make(device_);
  after->root = KillCopy().copy(*root);
  after->next_inode_ = next_inode_;
  after->space = space;
  after->support = support;
  return after;
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "." : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace spoolmq::test
