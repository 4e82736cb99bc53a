#include "core/clock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <optional>

#include "core/check.h"
#include "core/read_to_end.h"
#include "spoolmq/error.h"

namespace spoolmq {
namespace {

constexpr const char* kBootIdPath = "/proc/sys/kernel/random/boot_id";  // random(4)
constexpr std::size_t kBootIdLength = 36;

std::int64_t read_us(clockid_t id) {
  timespec now{};
  SPOOLMQ_CHECK(clock_gettime(id, &now) == 0);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

std::int64_t SystemClock::wall_ms() const { return read_us(CLOCK_REALTIME) / 1000; }

std::int64_t SystemClock::boot_ms() const { return boot_us() / 1000; }

std::int64_t SystemClock::boot_us() const { return read_us(CLOCK_BOOTTIME); }

std::string SystemClock::boot_id() const {
  const int fd = open(kBootIdPath, O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw Error::from_errno(errno, "read the boot id", kBootIdPath);
  const std::optional<std::string> id = read_to_end(fd, kBootIdLength);
  const int read_error = errno;
  close(fd);
  if (!id) throw Error::from_errno(read_error, "read the boot id", kBootIdPath);
  if (id->size() != kBootIdLength) {
    throw Error(ErrorCode::kIo, "read the boot id", kBootIdPath, "it is not 36 characters long");
  }
  return *id;
}

}  // namespace spoolmq
