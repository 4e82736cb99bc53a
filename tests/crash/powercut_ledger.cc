#include "tests/crash/powercut_ledger.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>

namespace powercut {

std::string body_of(const std::string& key, std::size_t size) {
  std::string body = key + ":" + std::to_string(size) + ":";
  std::uint64_t bits = 0x9E3779B97F4A7C15U;
  for (const char c : key) bits = (bits ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  while (body.size() < size) {
    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    body.push_back(static_cast<char>('!' + bits % 90));
  }
  return body;
}

std::string key_of(const std::string& body) {
  const std::size_t key_end = body.find(':');
  if (key_end == std::string::npos) return {};
  std::string key = body.substr(0, key_end);
  const unsigned long size = std::strtoul(body.c_str() + key_end + 1, nullptr, 10);
  if (size > (std::size_t{64} << 20) || body != body_of(key, size)) return {};
  return key;
}

Ledger::Ledger(const std::string& path)
    : fd_(static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600))) {
  if (fd_ < 0) {
    std::perror(path.c_str());
    std::_Exit(1);
  }
}

Ledger::~Ledger() { ::syscall(SYS_close, fd_); }

void Ledger::say(const std::string& word, const std::string& subject) const {
  std::string line = word + " " + subject;
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  line.push_back('\n');
  if (::syscall(SYS_write, fd_, line.data(), line.size()) != static_cast<long>(line.size())) {
    std::perror("ledger");
    std::_Exit(1);
  }
}

namespace {

struct Event {
  std::string word;
  std::string subject;
};

std::vector<Event> events_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<Event> events;
  for (std::string line; std::getline(file, line);) {
    const std::size_t space = line.find(' ');
    if (space != std::string::npos)
      events.push_back({line.substr(0, space), line.substr(space + 1)});
  }
  return events;
}

void append(std::string& text, const char* what, const std::vector<std::string>& subjects) {
  if (subjects.empty()) return;
  text += std::string(text.empty() ? "" : "; ") + what + ":";
  for (const std::string& subject : subjects) text += " " + subject;
}

}  // namespace

std::string Verdict::text() const {
  std::string text;
  append(text, "lost", lost);
  append(text, "torn", torn);
  append(text, "delivered again", repeated);
  append(text, "out of order", disordered);
  append(text, "fault", faults);
  return text;
}

Verdict judge(const std::string& promised_path, const std::string& found_path, Order order) {
  Verdict verdict;
  std::set<std::string> sending, sent, acking, acked;
  std::map<std::string, std::string> parking;  // the last word about holding and rejecting it
  std::string created;
  for (const Event& event : events_of(promised_path)) {
    if (event.word == "send") sending.insert(event.subject);
    if (event.word == "sent") sent.insert(event.subject);
    if (event.word == "ack") acking.insert(event.subject);
    if (event.word == "acked") acked.insert(event.subject);
    if (event.word == "created") created = event.subject;
    if (event.word.find("park") != std::string::npos) parking[event.subject] = event.word;
    if (event.word == "torn") verdict.torn.push_back(event.subject);
  }
  verdict.confirmed = sent.size() + acked.size();
  std::map<std::string, int> got;
  std::set<std::string> parked;
  std::string latest;
  for (const Event& event : events_of(found_path)) {
    if (event.word == "torn") verdict.torn.push_back(event.subject);
    if (event.word == "fault") verdict.faults.push_back(event.subject);
    if (event.word == "fsck") verdict.faults.push_back("fsck: " + event.subject);
    if (event.word == "is-parked") parked.insert(event.subject);
    if (event.word == "queue" && event.subject == created) created.clear();
    if (event.word != "got") continue;
    const std::string& key = event.subject;
    if (++got[key] == 2) verdict.repeated.push_back(key);
    if (acked.count(key) != 0) verdict.repeated.push_back(key + " (acked)");
    if (sending.count(key) == 0) verdict.faults.push_back("nobody sent " + key);
    if (order == Order::kOfKeys && key < latest) verdict.disordered.push_back(key);
    latest = std::max(latest, key);
  }
  for (const std::string& key : sent) {
    const auto last = parking.find(key);
    const std::string word = last == parking.end() ? "unparked" : last->second;
    const bool is_parked = parked.count(key) != 0;
    if (acking.count(key) == 0 && got.count(key) == 0 && !is_parked) verdict.lost.push_back(key);
    if (word == "parked" && got.count(key) != 0) verdict.repeated.push_back(key + " (parked)");
    if (word == "unparked" && is_parked) verdict.lost.push_back(key + " (still parked)");
  }
  for (const std::string& key : parked) {
    if (acked.count(key) != 0) verdict.repeated.push_back(key + " (acked, but parked)");
  }
  if (!created.empty()) verdict.lost.push_back("queue " + created);
  return verdict;
}

}  // namespace powercut
