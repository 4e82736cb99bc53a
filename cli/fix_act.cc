#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "cli/fix_commands.h"
#include "cli/json_output.h"
#include "cli/output.h"
#include "cli/pace.h"
#include "cli/selection.h"

namespace spoolmq::cli {
namespace {

using Ids = std::span<const MessageId>;

struct Totals {
  std::size_t changed = 0;
  std::size_t leased = 0;
  std::size_t other = 0;  // in a state the act does not apply to
  std::size_t missing = 0;
};

// What `act` would do to these ids, by their states now.
FixResult foresee(Queue& queue, const Act& act, Ids ids) {
  FixResult result;
  for (const MessageId& id : ids) {
    const std::optional<MessageStatus> status = queue.status(id);
    if (!status) {
      result.missing.push_back(id);
    } else if (std::find(act.changes.begin(), act.changes.end(), status->state) !=
               act.changes.end()) {
      result.changed.push_back(id);
    } else if (status->state == State::kLeased) {
      ++result.skipped_leased;
    } else {
      ++result.skipped_other;
    }
  }
  return result;
}

std::string counted(std::size_t count, std::string_view why) {
  return std::to_string(count) + (count == 1 ? " message skipped: " : " messages skipped: ") +
         std::string(why);
}

class Run {
 public:
  Run(const Context& context, const Queue& queue, const Act& act, bool dry)
      : context_(context), queue_name_(queue.name()), act_(act), dry_(dry) {}

  void take(const FixResult& result, bool named) {
    for (const MessageId& id : result.changed) print(id);
    totals_.changed += result.changed.size();
    totals_.leased += result.skipped_leased;
    totals_.other += result.skipped_other;
    if (!named) return;  // what a scan found and is gone by now was nobody's wish
    for (const MessageId& id : result.missing) miss(id.text());
  }
  void miss(std::string_view id) {
    ++totals_.missing;
    say(act_.name, id, "no such message");
  }

  [[nodiscard]] bool changed_any() const { return totals_.changed != 0; }

  int finish(bool named) {
    flush_out();
    if (!context_.quiet) {
      if (totals_.leased != 0) say(act_.name, queue_name_, counted(totals_.leased, "leased"));
      if (totals_.other != 0) {
        say(act_.name, queue_name_, counted(totals_.other, "in a state this does not apply to"));
      }
    }
    const bool partly = totals_.leased != 0 || (named && totals_.missing + totals_.other != 0);
    if (totals_.changed != 0) return partly ? kPartly : kDone;
    if (totals_.leased != 0) return kPartly;
    if (totals_.missing != 0) return static_cast<int>(ErrorCode::kNotFound);
    return kNothing;
  }

 private:
  void print(const MessageId& id) const {
    if (!context_.json) {
      write_out(id.text() + "\n");
      return;
    }
    nlohmann::ordered_json object;
    object["id"] = id.text();
    object["queue"] = queue_name_;
    object["act"] = act_.name;
    object["dry_run"] = dry_;
    print_line(object);
  }

  const Context& context_;
  const std::string queue_name_;
  const Act& act_;
  const bool dry_;
  Totals totals_;
};

}  // namespace

int run_act(Context& context, Queue& queue, const Act& act, const Arguments& arguments) {
  const Selection selection = select_messages(queue, act.name, arguments, act.usual_states);
  const bool dry = arguments.has("--dry-run");
  const std::optional<std::int64_t> rate = dry ? std::nullopt : act.rate_per_s;
  const std::size_t slice = slice_of(rate);
  const auto start = std::chrono::steady_clock::now();

  Run run(context, queue, act, dry);
  for (const std::string& id : selection.unknown) run.miss(id);
  for (std::size_t done = 0; done < selection.ids.size();) {
    if (rate) std::this_thread::sleep_until(start + due_after(*rate, done));
    const Ids rest = Ids(selection.ids).subspan(done);
    const Ids ids = rest.first(std::min(rest.size(), slice));
    try {
      run.take(dry ? foresee(queue, act, ids) : act.change(ids), selection.named);
      flush_out();
    } catch (const Error& error) {
      if (dry || !run.changed_any()) throw;
      say(error.operation(), error.subject(), error.why());
      static_cast<void>(run.finish(selection.named));
      return kPartly;  // not the error's code: repeating the command is not repeating nothing
    }
    done += ids.size();
  }
  return run.finish(selection.named);
}

}  // namespace spoolmq::cli
