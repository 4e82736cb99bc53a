// A process that does as it is told: one line in, one line out.
//   send|xml BODY · keyed KEY BODY · batch N BODY     sent N ID…
//   receive MAX WAIT_MS LEASE_MS                      got N TIME_NS ID:DELIVERIES:BODY…
//   hold ID… · reject (all that it holds)             done N
//   ack · release · forget (all that it holds)        done N
//   ack-each N (one after the other)                  done N
//   many N BODY (opens the queue anew at times)       sent N ID…
//   take N (receives and acknowledges so many)        got N TIME_NS ID:DELIVERIES:BODY…
//   fork                                              forked PID, then the child's own line
//   maintain · close · file-limit BYTES · open-wait MS done 0
// What fails is answered with: error CODE TEXT
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "spoolmq/queue.h"
#include "store/layout.h"
#include "tests/crash/kill_process.h"
#include "tests/crash/kill_roles.h"

namespace spoolmq::test {
namespace {

constexpr std::size_t kSendsPerHandle = 6;
constexpr std::int64_t kTakeForNs = 15'000'000'000;

void answer(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw std::runtime_error("answer");
  }
}

std::string error_text(const Error& error) {
  return "error " + std::to_string(static_cast<int>(error.code())) + " " + error.what();
}

class Agent {
 public:
  Agent(const std::string& root, std::string queue)
      : root_(Root::open(root)), name_(std::move(queue)) {
    open(Milliseconds{10'000});
  }

  std::string obey(const std::string& line) {
    std::istringstream arguments(line);
    std::string command;
    arguments >> command;
    const auto found = commands_.find(command);
    if (found == commands_.end()) return "error 64 unknown command " + line;
    try {
      return found->second(arguments);
    } catch (const Error& error) {
      return error_text(error);
    }
  }

 private:
  using Arguments = std::istringstream;

  template <typename T>
  static T next(Arguments& arguments) {
    T value{};
    arguments >> value;
    return value;
  }

  void open(Milliseconds lock_wait) {
    queue_.reset();
    OpenOptions options;
    options.lock_wait = lock_wait;
    queue_.emplace(root_.open_queue(name_, options));
  }

  static std::string done(std::size_t count) { return "done " + std::to_string(count); }

  std::string send(Arguments& arguments, std::size_t count, const SendOptions& options,
                   const std::string& key = {}) {
    const auto body = next<std::string>(arguments);
    std::vector<Message> messages(count);
    for (std::size_t i = 0; i < count; ++i) {
      messages[i].body = count == 1 ? body : body + "-" + std::to_string(i);
      messages[i].order_key = key;
    }
    std::string sent = "sent " + std::to_string(count);
    for (const SendResult& one : queue_->send_batch(std::move(messages), options)) {
      sent += " " + one.id.text();
    }
    return sent;
  }

  std::string send_xml(Arguments& arguments) {
    SendOptions options;
    options.format = Format::kXml;
    return send(arguments, 1, options);
  }

  std::string receive(Arguments& arguments) {
    ReceiveOptions options;
    options.max = next<std::size_t>(arguments);
    options.wait = Milliseconds{next<std::int64_t>(arguments)};
    options.lease = Milliseconds{next<std::int64_t>(arguments)};
    std::vector<Delivery> fresh = queue_->receive_batch(options);
    std::string got = "got " + std::to_string(fresh.size()) + " " + std::to_string(monotonic_ns());
    for (Delivery& one : fresh) {
      got += " " + one.message().id.text() + ":" + std::to_string(one.counters().deliveries) + ":" +
             one.message().body;
      held_.push_back(std::move(one));
    }
    return got;
  }

  // One send after the other; a new handle begins a new file.
  std::string send_many(Arguments& arguments) {
    const auto count = next<std::size_t>(arguments);
    const auto body = next<std::string>(arguments);
    std::string sent = "sent " + std::to_string(count);
    for (std::size_t i = 0; i < count; ++i) {
      if (i % kSendsPerHandle == 0) open(Milliseconds{10'000});
      Message message;
      message.body = body;
      sent += " " + queue_->send(std::move(message)).text();
    }
    return sent;
  }

  // A lease that a rebuild forgot is not an error here: the message comes again.
  std::string take(Arguments& arguments) {
    const auto count = next<std::size_t>(arguments);
    const std::int64_t until = monotonic_ns() + kTakeForNs;
    std::size_t taken = 0;
    std::string ids;
    while (taken < count && monotonic_ns() < until) {
      ReceiveOptions options;
      options.wait = Milliseconds{100};
      auto one = queue_->receive(options);
      if (!one) continue;
      const std::string told = " " + one->message().id.text() + ":" +
                               std::to_string(one->counters().deliveries) + ":" +
                               one->message().body;
      try {
        one->ack();
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kLeaseLost) throw;
        continue;
      }
      ids += told;
      ++taken;
    }
    return "got " + std::to_string(taken) + " " + std::to_string(monotonic_ns()) + ids;
  }

  std::string ack() {
    std::vector<Delivery> held = std::move(held_);
    held_.clear();
    queue_->ack_batch(held);
    return done(held.size());
  }

  std::string ack_each(Arguments& arguments) {
    const auto count = next<std::size_t>(arguments);
    for (std::size_t i = 0; i < count; ++i) held_.at(i).ack();
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
    return done(count);
  }

  std::string release() {
    const std::size_t count = held_.size();
    for (Delivery& one : held_) one.release();
    held_.clear();
    return done(count);
  }

  std::string forget() {
    const std::size_t count = held_.size();
    for (Delivery& one : held_) one.detach();
    held_.clear();
    return done(count);
  }

  std::string hold(Arguments& arguments) {
    std::vector<MessageId> ids;
    for (std::string text; arguments >> text;) ids.push_back(MessageId::parse(text).value());
    return done(queue_->hold(ids, "by hand").changed.size());
  }

  std::string reject() {
    const std::size_t count = held_.size();
    for (Delivery& one : held_) one.reject("by hand");
    held_.clear();
    return done(count);
  }

  // The child never returns: it says what its copies of the queue answer, and lives on.
  std::string fork_child() {
    const pid_t child = ::fork();
    if (child != 0) return "forked " + std::to_string(child);
    int refused = 0;
    const auto attempt = [&](const std::function<void()>& call) {
      try {
        call();
      } catch (const Error&) {
        ++refused;
      }
    };
    attempt([&] { queue_->send({}); });
    attempt([&] { queue_->receive(); });
    attempt([&] { queue_->stats(); });
    attempt([&] { held_.at(0).ack(); });
    answer("child refused " + std::to_string(refused));
    while (true) ::pause();
  }

  static std::string limit_files(Arguments& arguments) {
    struct rlimit limit {};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = next<rlim_t>(arguments);
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return done(0);
  }

  Root root_;
  std::string name_;
  std::optional<Queue> queue_;
  std::vector<Delivery> held_;
  const std::map<std::string, std::function<std::string(Arguments&)>> commands_{
      {"send", [this](Arguments& a) { return send(a, 1, {}); }},
      {"xml", [this](Arguments& a) { return send_xml(a); }},
      {"keyed",
       [this](Arguments& a) {
         const auto key = next<std::string>(a);
         return send(a, 1, {}, key);
       }},
      {"batch",
       [this](Arguments& a) {
         const auto count = next<std::size_t>(a);
         return send(a, count, {});
       }},
      {"receive", [this](Arguments& a) { return receive(a); }},
      {"many", [this](Arguments& a) { return send_many(a); }},
      {"take", [this](Arguments& a) { return take(a); }},
      {"ack", [this](Arguments&) { return ack(); }},
      {"ack-each", [this](Arguments& a) { return ack_each(a); }},
      {"release", [this](Arguments&) { return release(); }},
      {"forget", [this](Arguments&) { return forget(); }},
      {"reject", [this](Arguments&) { return reject(); }},
      {"hold", [this](Arguments& a) { return hold(a); }},
      {"fork", [this](Arguments&) { return fork_child(); }},
      {"maintain",
       [this](Arguments&) {
         queue_->maintain();
         return done(0);
       }},
      {"close",
       [this](Arguments&) {
         held_.clear();
         queue_->close();
         return done(0);
       }},
      {"open-wait",
       [this](Arguments& a) {
         open(Milliseconds{next<std::int64_t>(a)});
         return done(0);
       }},
      {"file-limit", [](Arguments& a) { return limit_files(a); }},
  };
};

}  // namespace

int obey(const std::string& root, const std::string& queue) {
  Agent agent(root, queue);
  answer("open");
  for (std::string line; std::getline(std::cin, line);) answer(agent.obey(line));
  return 0;
}

int stop_inside_lock(const std::string& lock_file) {
  const int fd = ::open(lock_file.c_str(), O_RDWR | O_CLOEXEC);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = layout::kByteIndexWriter;
  lock.l_len = 1;
  if (fd < 0 || ::fcntl(fd, F_OFD_SETLKW, &lock) != 0) throw std::runtime_error("lock");
  const auto pid = static_cast<std::uint32_t>(::getpid());
  if (::pwrite(fd, &pid, sizeof pid, 40) != sizeof pid) throw std::runtime_error("pwrite");
  answer("locked");
  ::raise(SIGSTOP);
  return 0;
}

}  // namespace spoolmq::test
