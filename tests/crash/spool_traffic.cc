#include "tests/crash/spool_traffic.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

namespace spoolmq::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::string_view kSameName = "same";

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// One in fifty is large, one in ten empty or of a single byte.
std::size_t size_of(std::uint64_t number) {
  std::mt19937_64 random(number);
  const std::uint64_t dice = random() % 100;
  if (dice < 2) return SpoolTraffic::kLargeBytes + random() % 1'500'000;
  if (dice < 12) return random() % 2;
  return 40 + random() % 4'000;
}

// The number, and letters that no other number has in this order.
std::string content_of(std::uint64_t number, std::size_t size) {
  std::string content = std::to_string(number) + "\n";
  std::uint64_t word = number * 0x9e3779b97f4a7c15;
  while (content.size() < size) {
    word = word * 6364136223846793005 + 1442695040888963407;
    content += static_cast<char>('a' + (word >> 33) % 26);
  }
  content.resize(size);
  return content;
}

// Only its content tells which of that name it is.
std::string content_under(std::string_view name, std::uint64_t number) {
  constexpr std::size_t kHoldsNumber = 40;
  const std::size_t size = size_of(number);
  return content_of(number, name == kSameName ? std::max(size, kHoldsNumber) : size);
}

class Writing {
 public:
  explicit Writing(const std::string& path)
      : path_(path), file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) {
    if (file_ < 0) fail("create " + path);
  }
  ~Writing() { ::close(file_); }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;
  void add(std::string_view bytes) const {
    if (::write(file_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
      fail("write " + path_);
    }
  }

 private:
  const std::string path_;
  int file_;
};

// In up to four pieces, now and then with a pause that is longer than a file has to be unchanged.
void write_slowly(const std::string& path, const std::string& content, std::mt19937_64& random) {
  const Writing file(path);
  const std::size_t pieces = 1 + random() % 4;
  for (std::size_t i = 0; i < pieces; ++i) {
    const std::size_t begin = content.size() * i / pieces;
    const std::size_t end = content.size() * (i + 1) / pieces;
    file.add(std::string_view(content).substr(begin, end - begin));
    if (i + 1 < pieces) {
      std::this_thread::sleep_for(random() % 20 == 0 ? milliseconds{120}
                                                     : milliseconds{random() % 3});
    }
  }
}

bool rename_to_free(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EEXIST) fail("rename to " + to);
  return false;
}

// Directories that come, and go again when they are empty. Each producer has names of its own.
std::string some_directory(const std::string& top, std::string_view whose,
                           std::mt19937_64& random) {
  const std::uint64_t dice = random() % 8;
  if (dice < 4) return top;
  const std::string outer = top + "/" + std::string(whose) + std::to_string(dice);
  const std::string inner = outer + "/inner";
  if (random() % 4 == 0) {
    ::rmdir(inner.c_str());
    ::rmdir(outer.c_str());
  }
  const std::string& chosen = dice < 6 ? outer : inner;
  std::filesystem::create_directories(chosen);
  return chosen;
}

}  // namespace

// ---- Producers

SpoolTraffic::SpoolTraffic(Places places, std::uint64_t seed) : places_(std::move(places)) {
  for (const Producer& producer : {Producer{Manner::kRename, "r"}, Producer{Manner::kSameName, "s"},
                                   Producer{Manner::kWrite, "w"}, Producer{Manner::kWrite, "x"},
                                   Producer{Manner::kAnnounce, "a"}}) {
    ++seed;
    producers_.emplace_back(
        [this, producer, seed](const std::stop_token& stop) { produce(stop, producer, seed); });
  }
  consumer_ = std::jthread([this, seed](const std::stop_token& stop) { consume(stop, seed + 1); });
}

SpoolTraffic::~SpoolTraffic() { end_producers(); }

void SpoolTraffic::end_producers() {
  for (std::jthread& producer : producers_) producer.request_stop();
  producers_.clear();
}

// The moments are random on purpose: bursts, and pauses in which everything comes to rest.
void SpoolTraffic::produce(const std::stop_token& stop, const Producer& producer,
                           std::uint64_t seed) {
  Random random(seed);
  try {
    while (!stop.stop_requested()) {
      for (std::uint64_t i = random() % 20; i > 0 && under_way() < kMostUnderWay; --i) {
        drop(stop, producer, random);
      }
      std::this_thread::sleep_for(microseconds{random() % 20'000});
    }
  } catch (const std::exception& error) {
    const std::lock_guard guard(mutex_);
    wrong_.push_back(std::string("a producer failed: ") + error.what());
  }
}

void SpoolTraffic::drop(const std::stop_token& stop, const Producer& producer, Random& random) {
  const std::uint64_t number = begin_file();
  const std::string name = std::to_string(number) + ".dat";
  const std::string content = content_under(name, number);
  switch (producer.manner) {
    case Manner::kRename: {
      const std::string directory = some_directory(places_.renamed, producer.name, random);
      Writing(directory + "/." + name).add(content);
      if (!rename_to_free(directory + "/." + name, directory + "/" + name)) fail(name);
      break;
    }
    case Manner::kSameName:
      drop_same_name(stop, number);
      break;
    case Manner::kWrite: {
      const std::string directory = some_directory(places_.closed, producer.name, random);
      write_slowly(directory + "/" + name, content, random);
      break;
    }
    case Manner::kAnnounce:
      write_slowly(places_.announced + "/" + name, content, random);
      Writing(places_.announced + "/" + name + ".done").add("");
      break;
  }
}

// The same name again as soon as it is free: what was imported is another file.
void SpoolTraffic::drop_same_name(const std::stop_token& stop, std::uint64_t number) {
  const std::string unfinished = places_.renamed + "/.same." + std::to_string(number);
  const std::string name = places_.renamed + "/" + std::string(kSameName);
  Writing(unfinished).add(content_under(kSameName, number));
  while (!rename_to_free(unfinished, name)) {
    if (stop.stop_requested()) {
      ::unlink(unfinished.c_str());
      return give_up(number);
    }
    std::this_thread::sleep_for(milliseconds{1});
  }
}

std::uint64_t SpoolTraffic::begin_file() {
  const std::lock_guard guard(mutex_);
  under_way_.insert(++last_number_);
  return last_number_;
}

void SpoolTraffic::give_up(std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  under_way_.erase(number);
}

// ---- The consumer

std::uint64_t SpoolTraffic::number_of(const std::string& name, const std::string& content) {
  std::uint64_t number = 0;
  const std::string& text = name == kSameName ? content : name;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc{} && content == content_under(name, number) ? number : 0;
}

void SpoolTraffic::consume(const std::stop_token& stop, std::uint64_t seed) {
  Random random(seed);
  while (!stop.stop_requested()) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(places_.out)) {
      std::string name = entry.path().filename();
      if (!name.starts_with('.')) names.push_back(std::move(name));
    }
    for (const std::string& name : names) take_away(name);
    // Long enough, at times, for a killed export to meet its own files again.
    std::this_thread::sleep_for(milliseconds{random() % 5 == 0 ? 150 : 3});
  }
}

void SpoolTraffic::take_away(const std::string& name) {
  constexpr std::size_t kIdLength = 36;  // and a '-'
  const std::string path = places_.out + "/" + name;
  std::stringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  const std::string original = name.size() > kIdLength ? name.substr(kIdLength + 1) : "";
  const std::uint64_t number = number_of(original, content.str());
  const std::lock_guard guard(mutex_);
  if (::unlink(path.c_str()) != 0) wrong_.push_back(name + " cannot be taken away");
  if (number == 0) {
    wrong_.push_back(name + " is not what was dropped: " + std::to_string(content.str().size()) +
                     " bytes");
    return;
  }
  std::set<std::string>& names = out_as_[number];
  if (!names.insert(name).second) ++out_again_;
  under_way_.erase(number);
}

// ---- The books

std::size_t SpoolTraffic::dropped() const {
  const std::lock_guard guard(mutex_);
  return out_as_.size() + under_way_.size();
}

std::size_t SpoolTraffic::under_way() const {
  const std::lock_guard guard(mutex_);
  return under_way_.size();
}

std::size_t SpoolTraffic::out_again() const {
  const std::lock_guard guard(mutex_);
  return out_again_;
}

std::vector<std::string> SpoolTraffic::violations() const {
  const std::lock_guard guard(mutex_);
  std::vector<std::string> found = wrong_;
  for (const std::uint64_t number : under_way_) {
    found.push_back("file " + std::to_string(number) + " did not come out");
  }
  for (const auto& [number, names] : out_as_) {
    if (number > last_number_) found.push_back("nobody dropped " + *names.begin());
    if (names.size() == 1) continue;
    std::string line = "file " + std::to_string(number) + " came out as";
    for (const std::string& name : names) line += " " + name;
    found.push_back(line);
  }
  return found;
}

}  // namespace spoolmq::test
