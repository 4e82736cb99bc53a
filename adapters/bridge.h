#pragma once
// A bridge to one of the kernel's facilities, as the table of all of them (bridge_kinds.h) knows
// it: what it was told, and how to make it run.

#include <memory>
#include <string>
#include <utility>

#include "adapters/adapter.h"

namespace spoolmq::adapters {

// An immutable value; made once per [[adapter]] or command, and may make several adapters.
struct BridgePlan {
  BridgePlan(std::string queue_name, std::string place_text)
      : queue(std::move(queue_name)), place(std::move(place_text)) {}
  BridgePlan(const BridgePlan&) = delete;
  BridgePlan& operator=(const BridgePlan&) = delete;
  virtual ~BridgePlan() = default;

  const std::string queue;  // empty: the other side names queues
  const std::string place;  // the other side, for people: a path, an address, a command

  // Opens the queue. Throws Error.
  [[nodiscard]] virtual std::unique_ptr<Adapter> make(AdapterPlace given) const = 0;
  // A command with --once that moved nothing has done all it was to do (otherwise: exit code 1).
  [[nodiscard]] virtual bool is_done_with_nothing() const { return false; }
};

// The plan of an adapter that is made of its settings and its place.
template <typename Settings, typename Made>
struct PlanOf final : BridgePlan {
  PlanOf(std::string queue_name, std::string place_text, Settings read)
      : BridgePlan(std::move(queue_name), std::move(place_text)), settings(std::move(read)) {}
  const Settings settings;
  [[nodiscard]] std::unique_ptr<Adapter> make(AdapterPlace given) const override {
    return std::make_unique<Made>(queue, settings, std::move(given));
  }
};

}  // namespace spoolmq::adapters
