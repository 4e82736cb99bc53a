#include "tests/crash/powercut_image.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tests/crash/powercut_shim.h"

namespace powercut {
namespace {

constexpr off_t kImageBytes = off_t{96} << 20;
constexpr unsigned kLoopMajor = 7;
constexpr int kMostTries = 500;
constexpr auto kPause = std::chrono::milliseconds{10};
// Nothing is committed on its own between two syncs; ordered: data before the names of it.
constexpr char kMountOptions[] = "commit=300,data=ordered";

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

class Fd {
 public:
  Fd(int number, const std::string& what) : number_(number) {
    if (number_ < 0) fail(what);
  }
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&&) = delete;
  ~Fd() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

Fd opened(const std::string& path, int flags) {
  return Fd(::open(path.c_str(), flags | O_CLOEXEC, 0600), "open " + path);
}

// Nodes of our own: /dev may lack those of devices that the kernel adds.
std::string loop_node(int number) {
  const std::string path = std::string(kScratch) + "/loop" + std::to_string(number);
  if (::mknod(path.c_str(), S_IFBLK | 0600, makedev(kLoopMajor, static_cast<unsigned>(number))) !=
          0 &&
      errno != EEXIST) {
    fail("make " + path);
  }
  return path;
}

struct Loop {
  std::string path;
  Fd fd;  // until it is closed the device cannot vanish; afterwards the mount holds it
};

// The same number as last time if possible, so that only the boot tells two mounts apart.
Loop attach(const Fd& image) {
  static int latest = -1;
  const Fd control = opened("/dev/loop-control", O_RDWR);
  for (int tries = 0; tries < kMostTries; ++tries) {
    const int number =
        latest >= 0 && tries < 3 ? latest : ::ioctl(control.number(), LOOP_CTL_GET_FREE);
    if (number < 0) fail("find a loop device");
    std::string path = loop_node(number);
    Fd device = opened(path, O_RDWR);
    loop_config config{};
    config.fd = static_cast<unsigned>(image.number());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(device.number(), LOOP_CONFIGURE, &config) == 0) {
      latest = number;
      return {std::move(path), std::move(device)};
    }
    if (errno != EBUSY) fail("attach the image");
    std::this_thread::sleep_for(
        std::chrono::milliseconds{tries < 3 ? 1 : 10});  // somebody was faster
  }
  fail("attach the image");
}

int run(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (const int error =
          ::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ)) {
    throw std::system_error(error, std::generic_category(), words[0]);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) fail("wait");
  }
  return status;
}

}  // namespace

std::optional<std::string> enter_private_namespace() {
  const auto why = [](const std::string& what) { return what + ": " + std::strerror(errno); };
  if (::geteuid() != 0) return "it needs the superuser, to mount";
  if (::unshare(CLONE_NEWNS) != 0) return why("a mount namespace");
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return why("private mounts");
  if (::mount("powercut", kScratch, "tmpfs", 0, "size=1g,mode=700") != 0) return why(kScratch);
  if (::mkdir(kMount, 0700) != 0) return why(kMount);
  try {
    Image probe("probe");
    probe.format();
    probe.mount();
    probe.cut_power();
    probe.unmount();
  } catch (const std::exception& error) {
    return "loop devices with ext4: " + std::string(error.what());
  }
  return std::nullopt;
}

Image::Image(std::string name) : path_(std::string(kScratch) + "/" + name + ".img") {}

Image::~Image() {
  // Lazily, so that it goes whatever still uses it; the namespace's end would do it, too.
  if (mounted_) ::umount2(kMount, MNT_DETACH);
  ::unlink(path_.c_str());
}

void Image::format() {
  {
    const Fd file = opened(path_, O_RDWR | O_CREAT | O_TRUNC);
    if (::ftruncate(file.number(), kImageBytes) != 0) fail("size " + path_);
  }
  // Inode tables at once: no thread of the kernel writes to the image on its own.
  if (run({"mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", path_}) != 0) {
    throw std::system_error(EIO, std::generic_category(), "mkfs.ext4");
  }
}

void Image::copy_from(const Image& other) {
  const Fd from = opened(other.path_, O_RDONLY);
  const Fd to = opened(path_, O_RDWR | O_CREAT | O_TRUNC);
  if (::ftruncate(to.number(), kImageBytes) != 0) fail("size " + path_);
  for (off_t at = 0; at < kImageBytes;) {
    off_t begin = ::lseek(from.number(), at, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) return;
    if (begin < 0) fail("copy " + other.path_);
    at = ::lseek(from.number(), begin, SEEK_HOLE);
    off_t target = begin;
    while (begin < at) {
      if (::copy_file_range(from.number(), &begin, to.number(), &target,
                            static_cast<std::size_t>(at - begin), 0) <= 0) {
        fail("copy " + other.path_);
      }
    }
  }
}

void Image::mount() {
  const Fd file = opened(path_, O_RDWR);
  const Loop loop = attach(file);
  if (::mount(loop.path.c_str(), kMount, "ext4", 0, kMountOptions) != 0) fail("mount " + path_);
  mounted_ = true;
}

void Image::unmount() {
  for (int tries = 0; ::umount2(kMount, 0) != 0; ++tries) {
    if (errno != EBUSY || tries == kMostTries) fail("unmount " + path_);
    std::this_thread::sleep_for(kPause);  // a process that has ended may not have let go of it yet
  }
  mounted_ = false;
}

void Image::cut_power() {
  const Fd root = opened(kMount, O_RDONLY | O_DIRECTORY);
  std::uint32_t how = kNoLogFlush;
  if (::ioctl(root.number(), kShutdown, &how) != 0) fail("shut down " + path_);
}

void Image::leave_canary() { std::ofstream(std::string(kMount) + "/" + kCanary) << kCanary; }

bool Image::has_canary() const {
  std::ostringstream text;
  text << std::ifstream(std::string(kMount) + "/" + kCanary).rdbuf();
  return text.str() == kCanary;
}

}  // namespace powercut
