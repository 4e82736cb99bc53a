#include "cli/selection.h"

#include <algorithm>
#include <iostream>
#include <span>
#include <unordered_set>
#include <utility>

#include "cli/message_ids.h"
#include "core/clock.h"
#include "core/text.h"

namespace spoolmq::cli {
namespace {

constexpr std::size_t kPage = 1000;

// The headers of one message, read from its spool file when first asked for.
class LazyHeaders {
 public:
  LazyHeaders(Queue& queue, const MessageId& id) : queue_(queue), id_(id) {}

  const std::string* find(std::string_view name) {
    if (!asked_) {
      asked_ = true;
      try {
        message_ = queue_.load(id_);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadData) throw;
      }
    }
    return message_ ? message_->header(name) : nullptr;
  }

 private:
  Queue& queue_;
  const MessageId id_;
  bool asked_ = false;
  std::optional<Message> message_;
};

bool passes(Queue& queue, const Filter& filter, const MessageStatus& status, std::int64_t now_ms) {
  if (!filter.selector) return true;
  LazyHeaders headers(queue, status.id);
  return filter.selector->matches(status, now_ms,
                                  [&](std::string_view name) { return headers.find(name); });
}

// The states a scan has to visit; nullopt: there are none.
std::optional<std::vector<State>> states_to_scan(const Filter& filter) {
  std::vector<State> states = filter.states;
  if (filter.selector) {
    const std::vector<State> possible = filter.selector->possible_states();
    const auto impossible = [&](State state) {
      return std::find(possible.begin(), possible.end(), state) == possible.end();
    };
    if (states.empty()) {
      states = possible;
    } else {
      std::erase_if(states, impossible);
    }
    if (states.empty()) return std::nullopt;
    if (states.size() == kStateCount) states.clear();
  }
  return states;
}

Selection select_named(Queue& queue, std::string_view operation,
                       std::span<const std::string> words) {
  Selection selection;
  selection.named = true;
  std::unordered_set<MessageId> seen;
  const auto add = [&](const std::string& word) {
    const std::optional<MessageId> id = look_up_id(queue, operation, word);
    if (!id) {
      selection.unknown.push_back(word);
    } else if (seen.insert(*id).second) {
      selection.ids.push_back(*id);
    }
  };
  bool stdin_read = false;
  for (const std::string& word : words) {
    if (word != "-") {
      add(word);
    } else if (!std::exchange(stdin_read, true)) {
      for (const std::string& line : read_id_words(std::cin, operation)) add(line);
    }
  }
  return selection;
}

std::string names_of(const std::vector<State>& states) {
  std::string names;
  for (const State state : states) {
    names.append(names.empty() ? "" : ", ").append(state_name(state));
  }
  return names;
}

}  // namespace

Filter filter_of(const Arguments& arguments) {
  Filter filter;
  for (const std::string& name : arguments.values("--state")) {
    const std::optional<State> state = parse_state(name);
    if (!state) {
      throw Error(ErrorCode::kUsage, "read --state", printable(name),
                  "no such state (ready delayed leased held dead corrupt archived)");
    }
    if (std::find(filter.states.begin(), filter.states.end(), *state) == filter.states.end()) {
      filter.states.push_back(*state);
    }
  }
  for (const std::string& text : arguments.values("--where")) {
    if (filter.selector) {
      throw Error(ErrorCode::kUsage, "read --where", printable(text),
                  "given twice: join the conditions with and");
    }
    auto parsed = Selector::parse(text);
    if (const auto* refusal = std::get_if<SelectorRefusal>(&parsed)) {
      throw Error(ErrorCode::kUsage, "read --where", "column " + std::to_string(refusal->column),
                  refusal->why);
    }
    filter.selector = std::move(std::get<Selector>(parsed));
  }
  return filter;
}

void scan_matches(Queue& queue, const Filter& filter,
                  const std::function<bool(const MessageStatus&)>& visit) {
  const auto states = states_to_scan(filter);
  if (!states) return;
  const std::int64_t now_ms = SystemClock().wall_ms();
  ScanOptions options;
  options.states = *states;
  options.limit = kPage;
  while (true) {
    const std::vector<MessageStatus> page = queue.scan(options);
    for (const MessageStatus& status : page) {
      if (passes(queue, filter, status, now_ms) && !visit(status)) return;
    }
    if (page.size() < options.limit) return;
    options.after_sequence = page.back().sequence;
  }
}

Selection select_messages(Queue& queue, std::string_view operation, const Arguments& arguments,
                          const std::vector<State>& usual_states) {
  const std::span<const std::string> words = std::span(arguments.operands).subspan(1);
  const bool all = std::find(words.begin(), words.end(), kAll) != words.end();
  const bool by_condition = all || arguments.has("--where") || arguments.has("--state");
  if (!by_condition && words.empty()) {
    throw Error(ErrorCode::kUsage, operation, queue.name(),
                "nothing selected: name ids, -, --where, --state or ALL");
  }
  if (by_condition && words.size() > (all ? 1U : 0U)) {
    throw Error(ErrorCode::kUsage, operation, queue.name(),
                "select either by ids or by --where, --state and ALL");
  }
  if (!by_condition) return select_named(queue, operation, words);

  Filter filter = filter_of(arguments);
  if (filter.states.empty()) {
    filter.states = usual_states;
    if (!states_to_scan(filter) && !filter.selector->possible_states().empty()) {
      throw Error(ErrorCode::kUsage, operation, queue.name(),
                  "without --state only these are looked at, and --where excludes them: " +
                      names_of(usual_states));
    }
  }
  Selection selection;
  scan_matches(queue, filter, [&](const MessageStatus& status) {
    selection.ids.push_back(status.id);
    return true;
  });
  return selection;
}

}  // namespace spoolmq::cli
