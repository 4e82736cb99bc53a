#include "tests/crash/kill_ledger.h"

#include <algorithm>
#include <sstream>

#include "tests/crash/kill_process.h"

namespace spoolmq::test {
namespace {

constexpr std::size_t kMostViolations = 50;

std::string worker_of(const std::string& sender) { return sender.substr(0, sender.find('.')); }

}  // namespace

void Ledger::wrong(const std::string& what) {
  if (violations_.size() < kMostViolations) violations_.push_back(what);
}

void Ledger::read(const std::string& log) {
  std::istringstream lines(log);
  for (std::string text; std::getline(lines, text);) {
    if (text.ends_with(kEntryEnd)) {
      line(text.substr(0, text.size() - kEntryEnd.size()));
    } else if (!text.empty()) {
      ++cut_lines_;
    }
  }
  if (cut_lines_ > killed_.size()) wrong(std::to_string(cut_lines_) + " lines were cut short");
}

void Ledger::line(const std::string& text) {
  const std::vector<std::string> all = words(text);
  if (all.size() < 2) return wrong("unreadable: " + text);
  const std::string& event = all[0];
  if (event == "sending") return sending(all);
  if (event == "sent") return sent(all);
  if (event == "got") return got(all);
  if (event == "killing") return killing(all[1]);
  if (event == "wrong") return wrong(text);
  let_go(event, all);
}

void Ledger::sending(const std::vector<std::string>& words) {
  Message& message = messages_[words[2]];
  if (!message.sum.empty() && message.sum != words[3]) wrong("two bodies for " + words[2]);
  message.sum = words[3];
  message.key = words[4] == "-" ? "" : words[4];
  message.number = std::stoull(words[5]);
  message.sender = words[6].substr(0, words[6].find(':'));
  message.groups.insert(words[6]);
  last_group_[message.sender] = words[6];
}

void Ledger::same_id(const std::string& token, Message& message, const std::string& id) {
  if (message.id.empty()) {
    message.id = id;
    token_of_[id] = token;
  } else if (message.id != id) {
    wrong(token + " has two ids: " + message.id + " and " + id);
  }
}

void Ledger::sent(const std::vector<std::string>& words) {
  Message& message = messages_[words[2]];
  same_id(words[2], message, words[3]);
  message.confirmed = true;
  if (!message.key.empty() && !message.settling) {
    waiting_[{message.sender, message.key}].insert(message.number);
  }
}

void Ledger::check_key(const std::string& token, const Message& message,
                       const std::string& worker) {
  if (message.key.empty()) return;
  if (const auto out = key_holder_.find(message.key); out != key_holder_.end()) {
    wrong(worker + " got " + token + " while " + out->second + " of the same key was out");
  }
  const auto& waiting = waiting_[{message.sender, message.key}];
  if (!waiting.empty() && *waiting.begin() < message.number) {
    wrong(token + " came before number " + std::to_string(*waiting.begin()) + " of its sender");
  }
}

void Ledger::got(const std::vector<std::string>& words) {
  const std::string& worker = words[1];
  const std::string& token = words[3];
  const std::int64_t deliveries = std::stoll(words[4]);
  const auto known = messages_.find(token);
  if (known == messages_.end()) return wrong("nobody sent " + token);
  Message& message = known->second;
  same_id(token, message, words[2]);
  if (message.sum != words[5]) wrong("another body in " + token);
  if (message.acked) wrong(token + " delivered to " + worker + " after its ack had returned");
  if (!message.holder.empty()) {
    wrong(token + " delivered to " + worker + " while " + message.holder + " held it");
  }
  if (deliveries <= message.deliveries) {
    wrong(token + " delivered again with count " + words[4]);
  }
  if (message.deliveries > 0) ++redelivered_;
  check_key(token, message, worker);
  message.deliveries = deliveries;
  // Its line came between "killing" and the kill: whatever it holds is about to return.
  if (killed_.contains(worker)) return;
  message.holder = worker;
  held_by_[worker].insert(token);
  if (!message.key.empty()) key_holder_[message.key] = token;
}

void Ledger::let_go(const std::string& event, const std::vector<std::string>& words) {
  const auto token = token_of_.find(words.at(2));
  if (token == token_of_.end()) return wrong(event + " of the unknown " + words[2]);
  Message& message = messages_[token->second];
  if (event == "acked" || event == "rejected") {
    if (event == "acked" ? !message.acking : !message.rejecting) {
      wrong(words[1] + " " + event + " " + token->second + ", which it never began");
    }
    message.acked = message.acked || event == "acked";
    message.rejected = message.rejected || event == "rejected";
    return;
  }
  // Who is being killed may have got it after "killing" was written.
  if (message.holder != words[1] && !killed_.contains(words[1])) {
    wrong(words[1] + " is " + event + " " + token->second + " without its lease");
  }
  if (event == "acking" || event == "rejecting") {
    message.settling = true;
    message.acking = message.acking || event == "acking";
    message.rejecting = message.rejecting || event == "rejecting";
    waiting_[{message.sender, message.key}].erase(message.number);
  }
  held_by_[words[1]].erase(token->second);
  message.holder.clear();
  if (!message.key.empty()) key_holder_.erase(message.key);
}

void Ledger::killing(const std::string& worker) {
  killed_.insert(worker);
  for (const std::string& token : held_by_[worker]) {
    Message& message = messages_[token];
    message.holder.clear();
    if (!message.key.empty()) key_holder_.erase(message.key);
  }
  held_by_.erase(worker);
}

std::vector<std::string> Ledger::finish(const std::map<std::string, std::string>& left) {
  for (const auto& [token, message] : messages_) {
    const auto still = left.find(message.id);
    const bool dead = still != left.end() && still->second == "dead";
    if (still != left.end() && !dead) wrong(token + " is still there: " + still->second);
    if (dead && !message.rejecting) wrong(token + " went dead without a rejection");
    if (still != left.end() && message.acked) wrong(token + " is there after its ack");
    // Only an ack, begun at least, takes a message away.
    if (message.confirmed && still == left.end() && !message.acking) {
      wrong("lost: " + token + " " + message.id + (message.rejecting ? ", and not dead" : ""));
    }
    if (message.confirmed || message.deliveries == 0) continue;
    // Nobody was told: then the call must have been its producer's last, cut short by the kill.
    ++in_flight_delivered_;
    const bool cut_short =
        std::any_of(message.groups.begin(), message.groups.end(), [&](const std::string& group) {
          const std::string sender = group.substr(0, group.find(':'));
          return last_group_[sender] == group && killed_.contains(worker_of(sender));
        });
    if (!cut_short) wrong("a phantom: " + token);
  }
  for (const auto& [id, state] : left) {
    if (!token_of_.contains(id)) wrong("an unknown message is left: " + id + " " + state);
  }
  return violations_;
}

std::size_t Ledger::confirmed() const {
  return static_cast<std::size_t>(std::count_if(
      messages_.begin(), messages_.end(), [](const auto& one) { return one.second.confirmed; }));
}

std::size_t Ledger::acked() const {
  return static_cast<std::size_t>(std::count_if(messages_.begin(), messages_.end(),
                                                [](const auto& one) { return one.second.acked; }));
}

}  // namespace spoolmq::test
