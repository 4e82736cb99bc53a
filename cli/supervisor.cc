#include "cli/supervisor.h"

#include <set>
#include <utility>

#include "core/log.h"

namespace spoolmq::cli {

Supervisor::Supervisor(AdapterRunner::Surroundings surroundings)
    : surroundings_(std::move(surroundings)) {}

Supervisor::~Supervisor() { end_all(); }

void Supervisor::start(const AdapterConfig& config) {
  auto runner = std::make_shared<AdapterRunner>(config, surroundings_);
  Entry entry{runner, std::jthread([runner] { runner->run(); })};
  entries_.insert_or_assign(config.name, std::move(entry));
  log::info("adapter started", {{"adapter", config.name}});
}

void Supervisor::apply(const std::vector<AdapterConfig>& configs) {
  reap();
  std::set<std::string_view> wanted;
  for (const AdapterConfig& config : configs) {
    wanted.insert(config.name);
    const auto known = entries_.find(config.name);
    if (known == entries_.end()) {
      start(config);
      continue;
    }
    AdapterRunner& runner = *known->second.runner;
    if (!runner.is_ending() && runner.fingerprint() == config.fingerprint) continue;
    if (runner.change(config)) {
      log::info("adapter changed", {{"adapter", config.name}});
    } else {
      start(config);
    }
  }
  for (const auto& [name, entry] : entries_) {
    if (wanted.contains(name) || entry.runner->is_ending()) continue;
    entry.runner->end();
    log::info("adapter removed", {{"adapter", name}});
  }
}

void Supervisor::end_all() {
  for (const auto& [name, entry] : entries_) entry.runner->end();
}

std::shared_ptr<AdapterRunner> Supervisor::find(std::string_view name) {
  const auto known = entries_.find(name);
  if (known == entries_.end() || known->second.runner->is_ending()) return nullptr;
  return known->second.runner;
}

std::vector<std::shared_ptr<AdapterRunner>> Supervisor::all() const {
  std::vector<std::shared_ptr<AdapterRunner>> runners;
  for (const auto& [name, entry] : entries_) runners.push_back(entry.runner);
  return runners;
}

std::vector<AdapterStatus> Supervisor::statuses() const {
  std::vector<AdapterStatus> statuses;
  for (const auto& [name, entry] : entries_) {
    if (!entry.runner->has_ended()) statuses.push_back(entry.runner->status());
  }
  return statuses;
}

std::vector<std::string> Supervisor::reap() {
  std::vector<std::string> unended;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (entry->second.runner->has_ended()) {
      entry = entries_.erase(entry);
      continue;
    }
    if (entry->second.runner->is_ending()) unended.push_back(entry->first);
    ++entry;
  }
  return unended;
}

}  // namespace spoolmq::cli
