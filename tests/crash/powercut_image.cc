#include "tests/crash/powercut_image.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tests/crash/powercut_shim.h"

namespace powercut {
namespace {

constexpr unsigned kLoopMajor = 7;
constexpr int kMostTries = 2000;
constexpr int kMostLoops = 16;
constexpr auto kPause = std::chrono::milliseconds{2};
constexpr std::size_t kHoleBytes = 64 << 10;

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

// Ours from now on until this process ends, among rigs: the name of a socket is its holder's.
bool reserve(int number) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string text = "spoolmq-powercut-loop" + std::to_string(number);
  text.copy(name.sun_path + 1, sizeof name.sun_path - 1);
  const int holder = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (holder < 0) fail("a socket");
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  if (::bind(holder, reinterpret_cast<const sockaddr*>(&name), length) == 0) return true;
  ::close(holder);
  return false;
}

// The same number each time, so that only the boot tells two mounts apart.
int loop_number(const Fd& control) {
  static int ours = -1;
  if (ours >= 0) return ours;
  int number = ::ioctl(control.number(), LOOP_CTL_GET_FREE);
  if (number < 0) fail("find a loop device");
  for (const int end = number + kMostLoops; number < end; ++number) {
    if (::ioctl(control.number(), LOOP_CTL_ADD, number) < 0 && errno != EEXIST) fail("add a loop");
    if (reserve(number)) return ours = number;
  }
  throw std::runtime_error("no loop device is free");
}

Loop attach(const Fd& image) {
  const Fd control = opened("/dev/loop-control", O_RDWR);
  const int number = loop_number(control);
  std::string path = loop_node(number);
  for (int tries = 0; tries < kMostTries; ++tries) {
    Fd device = opened(path, O_RDWR);
    loop_config config{};
    config.fd = static_cast<unsigned>(image.number());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(device.number(), LOOP_CONFIGURE, &config) == 0) {
      return {std::move(path), std::move(device)};
    }
    if (errno != EBUSY) fail("attach the image");
    std::this_thread::sleep_for(kPause);  // its last mount is on its way out, or it is a stranger's
  }
  fail("attach the image");
}

// What the file holds that is no hole.
template <typename Extent>
void for_each_extent(const Fd& file, const Extent& extent) {
  for (off_t end = 0;;) {
    const off_t begin = ::lseek(file.number(), end, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) return;
    if (begin < 0) fail("find what an image holds");
    end = ::lseek(file.number(), begin, SEEK_HOLE);
    extent(begin, end);
  }
}

// mkfs.xfs writes 64 MB of zeros as its log; copies of the image need not carry them.
void dig_holes(const Fd& file) {
  static const std::vector<char> zeros(kHoleBytes);
  std::vector<char> piece(kHoleBytes);
  std::vector<off_t> empty;
  for_each_extent(file, [&](off_t begin, off_t end) {
    constexpr off_t kStep = kHoleBytes;
    for (off_t at = (begin + kStep - 1) / kStep * kStep; at + kStep <= end; at += kStep) {
      if (::pread(file.number(), piece.data(), piece.size(), at) == kStep && piece == zeros) {
        empty.push_back(at);
      }
    }
  });
  for (const off_t at : empty) {
    if (::fallocate(file.number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, kHoleBytes)) {
      fail("dig holes into an image");
    }
  }
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
  return std::nullopt;
}

std::optional<std::string> why_unusable(const FileSystem& kind) {
  try {
    Image probe(kind, "probe");
    probe.format();
    probe.mount();
    probe.leave_canary();
    probe.cut_power();
    probe.unmount();
    probe.mount();
    const bool dull = probe.has_canary();
    probe.unmount();
    if (dull) return "its shutdown leaves what nobody synced";
  } catch (const std::exception& error) {
    return error.what();
  }
  return std::nullopt;
}

Image::Image(const FileSystem& kind, std::string name)
    : kind_(kind), path_(std::string(kScratch) + "/" + name + ".img") {}

Image::~Image() {
  // Lazily, so that it goes whatever still uses it; the namespace's end would do it, too.
  if (mounted_) ::umount2(kMount, MNT_DETACH);
  ::unlink(path_.c_str());
}

void Image::format() {
  {
    const Fd file = opened(path_, O_RDWR | O_CREAT | O_TRUNC);
    if (::ftruncate(file.number(), kind_.bytes) != 0) fail("size " + path_);
  }
  std::vector<std::string> words = kind_.make;
  words.push_back(path_);
  if (run(words) != 0) throw std::system_error(EIO, std::generic_category(), words[0]);
  dig_holes(opened(path_, O_RDWR));
}

void Image::copy_from(const Image& other) {
  const Fd from = opened(other.path_, O_RDONLY);
  const Fd to = opened(path_, O_RDWR | O_CREAT | O_TRUNC);
  if (::ftruncate(to.number(), kind_.bytes) != 0) fail("size " + path_);
  for_each_extent(from, [&](off_t begin, off_t end) {
    off_t target = begin;
    while (begin < end) {
      if (::copy_file_range(from.number(), &begin, to.number(), &target,
                            static_cast<std::size_t>(end - begin), 0) <= 0) {
        fail("copy " + other.path_);
      }
    }
  });
}

void Image::mount() {
  const Fd file = opened(path_, O_RDWR);
  const Loop loop = attach(file);
  if (::mount(loop.path.c_str(), kMount, kind_.type, 0, kind_.options) != 0) {
    fail("mount " + path_ + " as " + kind_.name);
  }
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

void Image::remove_canary() { std::filesystem::remove(std::string(kMount) + "/" + kCanary); }

bool Image::has_canary() const {
  std::ostringstream text;
  text << std::ifstream(std::string(kMount) + "/" + kCanary).rdbuf();
  return text.str() == kCanary;
}

}  // namespace powercut
