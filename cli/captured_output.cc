#include "cli/captured_output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr mode_t kMode = 0600;

std::string temporary_directory() {
  const char* const given = std::getenv("TMPDIR");
  return given != nullptr && *given != '\0' ? given : "/tmp";
}

// For file systems without O_TMPFILE: a name that is taken away at once.
int named_for_a_moment(const std::string& directory) {
  std::string path = directory + "/spoolmq-XXXXXX";
  const int made = ::mkostemp(path.data(), O_CLOEXEC | O_APPEND);
  if (made >= 0) ::unlink(path.c_str());
  return made;
}

}  // namespace

// O_APPEND: children that open or share it never overwrite each other.
CapturedOutput::CapturedOutput(std::uint64_t most_bytes) : most_bytes_(most_bytes) {
  const std::string directory = temporary_directory();
  descriptor_ = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, kMode);
  if (descriptor_ < 0) descriptor_ = named_for_a_moment(directory);
  if (descriptor_ < 0) throw Error::from_errno(errno, "make a file", directory);
}

CapturedOutput::~CapturedOutput() { ::close(descriptor_); }

bool CapturedOutput::is_full() const {
  struct stat status {};
  return ::fstat(descriptor_, &status) == 0 &&
         static_cast<std::uint64_t>(status.st_size) > most_bytes_;
}

}  // namespace spoolmq::cli
