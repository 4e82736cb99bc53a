#include "adapters/side_directory.h"

#include <utility>
#include <vector>

#include "adapters/export_name.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMaxUsed = 64;

// "." and ".." and empty parts lead nowhere new; a part made of a file's name may be too long.
std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash).substr(0, kMaxFileNameBytes);
    if (!part.empty() && part != "." && part != "..") parts.emplace_back(part);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return parts;
}

std::unique_ptr<Dir> enter(Dir& parent, const std::string& name) {
  // Synced also where it is there: whoever made it may have been killed before this.
  parent.make_dir(name, parent.status().mode);
  parent.sync();
  std::unique_ptr<Dir> made = parent.open_dir(name);
  if (!made) {
    throw Error(ErrorCode::kNotFound, "open", parent.path() + "/" + name, "it has disappeared");
  }
  return made;
}

}  // namespace

std::uint32_t file_mode_in(Dir& directory) {
  constexpr std::uint32_t kReadBits = 0444;
  constexpr std::uint32_t kOwnerReadWrite = 0600;
  return (directory.status().mode & kReadBits) | kOwnerReadWrite;
}

SideDirectory::SideDirectory(std::unique_ptr<Dir> base, std::optional<PathTemplate> inner)
    : base_(std::move(base)), inner_(std::move(inner)) {}

std::optional<SideDirectory> SideDirectory::open(Dir& source, const std::string& path,
                                                 std::string_view option, IfMissing if_missing) {
  const auto refuse = [&](ErrorCode code, std::string_view why) {
    return Error(code, "open", std::string(option) + " " + path, why);
  };
  std::vector<std::string> parts = parts_of(path);
  const bool absolute = path.starts_with('/');
  if (parts.empty() || parts.front().find('{') != std::string::npos) {
    throw refuse(ErrorCode::kUsage, "its first part must be a plain name");
  }
  std::unique_ptr<Dir> base;
  std::string inner;
  const auto enter_base = [&](Dir& parent, const std::string& name) {
    return if_missing == IfMissing::kMake ? enter(parent, name) : parent.open_dir(name);
  };
  if (absolute) {
    std::string plain;  // all but the last plain part must be there
    std::size_t at = 0;
    for (; at < parts.size() && parts[at].find('{') == std::string::npos; ++at) {
      if (at + 1 < parts.size() && parts[at + 1].find('{') == std::string::npos) {
        plain += "/" + parts[at];
      } else {
        base = enter_base(*open_posix_dir(plain.empty() ? "/" : plain), parts[at]);
      }
    }
    parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(at));
  } else {
    Dir* parent = &source;
    std::size_t at = 0;
    for (; at < parts.size() && parts[at].find('{') == std::string::npos; ++at) {
      base = enter_base(*parent, parts[at]);
      if (!base) return std::nullopt;
      parent = base.get();
    }
    parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(at));
  }
  for (const std::string& part : parts) inner += (inner.empty() ? "" : "/") + part;

  if (!base) return std::nullopt;
  const FileStatus there = base->status();
  const FileStatus here = source.status();
  if (there.device != here.device) {
    throw refuse(ErrorCode::kUsage, "it must be on the file system of " + source.path());
  }
  if (there.inode == here.inode) {
    throw refuse(ErrorCode::kUsage, "it is the imported directory itself");
  }
  std::optional<PathTemplate> rest;
  if (!inner.empty()) rest = PathTemplate::parse(inner);
  return SideDirectory(std::move(base), std::move(rest));
}

Dir& SideDirectory::at(std::string_view relative_path, std::int64_t wall_ms) {
  if (!inner_) {
    base_used_ = true;
    return *base_;
  }
  return make_below(inner_->render(relative_path, wall_ms));
}

Dir& SideDirectory::make_below(const std::string& inner) {
  if (const auto found = used_.find(inner); found != used_.end()) return *found->second;
  if (used_.size() >= kMaxUsed) sync();
  Dir* parent = base_.get();
  std::unique_ptr<Dir> last;
  for (const std::string& part : parts_of(inner)) {
    last = enter(*parent, part);
    parent = last.get();
  }
  if (!last) {
    base_used_ = true;
    return *base_;
  }
  return *used_.emplace(inner, std::move(last)).first->second;
}

void SideDirectory::sync() {
  if (base_used_) base_->sync();
  base_used_ = false;
  for (const auto& [inner, directory] : used_) directory->sync();
  used_.clear();
}

}  // namespace spoolmq::adapters
