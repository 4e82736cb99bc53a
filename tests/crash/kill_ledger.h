#pragma once
// The books of a kill storm, kept from outside: reads the log that the workers and the killer
// append to and says everything that must not have happened. The order of lines is the order of
// events, up to this: a line follows what it tells ("sent", "got", "acked") or precedes it
// ("sending", "acking", "killing"). A kill may come in the middle of a write(2), where the bytes
// pass from one page to the next: what was to be told by a line without its end has not happened.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace spoolmq::test {

// As it is appended to the log, in one write; `text` has no newline. Behind one that was cut, the
// next begins a line of its own.
inline constexpr std::string_view kEntryEnd = " .";
inline std::string log_entry(const std::string& text) {
  return "\n" + text + std::string(kEntryEnd);
}

class Ledger {
 public:
  void read(const std::string& log);  // all entries, one after the other

  struct Message {
    std::string id;  // empty: nobody said it
    std::string sum;
    std::string key;               // order key, or empty
    std::string sender;            // with the thread
    std::uint64_t number = 0;      // grows per sender
    std::set<std::string> groups;  // the calls it was part of
    bool confirmed = false;
    bool settling = false;  // an ack or a rejection was begun
    bool acking = false;
    bool acked = false;  // its ack returned
    bool rejecting = false;
    bool rejected = false;
    std::int64_t deliveries = 0;  // the count last seen
    std::string holder;           // who has it now
  };

  // Violations so far. After `left` (id → state of what is still in the queue) none is missing.
  std::vector<std::string> finish(const std::map<std::string, std::string>& left);

  [[nodiscard]] std::size_t confirmed() const;
  [[nodiscard]] std::size_t acked() const;
  [[nodiscard]] std::size_t redelivered() const { return redelivered_; }
  [[nodiscard]] std::size_t kills() const { return killed_.size(); }
  // Sends that were under way when their producer died, and of these those that are there.
  [[nodiscard]] std::size_t in_flight_delivered() const { return in_flight_delivered_; }

 private:
  void line(const std::string& text);
  void sending(const std::vector<std::string>& words);
  void sent(const std::vector<std::string>& words);
  void got(const std::vector<std::string>& words);
  void let_go(const std::string& event, const std::vector<std::string>& words);
  void killing(const std::string& worker);
  void same_id(const std::string& token, Message& message, const std::string& id);
  void check_key(const std::string& token, const Message& message, const std::string& worker);
  void wrong(const std::string& what);

  std::map<std::string, Message> messages_;        // by token
  std::map<std::string, std::string> token_of_;    // by id
  std::map<std::string, std::string> last_group_;  // by sender
  // Confirmed and not yet being settled, by sender and order key.
  std::map<std::pair<std::string, std::string>, std::set<std::uint64_t>> waiting_;
  std::map<std::string, std::string> key_holder_;         // order key → token that is out
  std::map<std::string, std::set<std::string>> held_by_;  // worker → tokens
  std::set<std::string> killed_;
  std::vector<std::string> violations_;
  std::size_t cut_lines_ = 0;
  std::size_t redelivered_ = 0;
  std::size_t in_flight_delivered_ = 0;
};

}  // namespace spoolmq::test
