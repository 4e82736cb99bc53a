#include "adapters/new_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "spoolmq/error.h"

namespace spoolmq::adapters {

NewFile::NewFile(std::string path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor_ < 0) throw Error::from_errno(errno, "create", path_);
}

NewFile::~NewFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!kept_) ::unlink(path_.c_str());
}

void NewFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      throw Error::from_errno(errno, "write", path_);
    }
  }
}

void NewFile::sync() {
  if (::fsync(descriptor_) != 0) throw Error::from_errno(errno, "sync", path_);
}

void NewFile::close() {
  if (::close(std::exchange(descriptor_, -1)) != 0) throw Error::from_errno(errno, "close", path_);
}

PrivateDirectory::PrivateDirectory() {
  const char* parent = std::getenv("TMPDIR");
  path_ = parent == nullptr || *parent == '\0' ? "/tmp" : parent;
  path_ += "/spoolmq-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) throw Error::from_errno(errno, "create", path_);
}

PrivateDirectory::~PrivateDirectory() { ::rmdir(path_.c_str()); }

}  // namespace spoolmq::adapters
