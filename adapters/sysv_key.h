#pragma once
// What names a System V object: a number that both sides know, or a file and a number out of which
// ftok(3) makes one.

#include <sys/types.h>

#include <string>

#include "adapters/adapter_keys.h"

namespace spoolmq::adapters {

struct SysvKey {
  key_t key = 0;
  std::string text;  // as it was given, for people
  std::string path;  // not empty: ftok(3) of it and `project`, when it is opened
  int project = 0;
};

// Throws Error where ftok(3) has nothing to go by.
key_t resolve(const SysvKey& key);

// Each throws bad_value. A key is decimal, or hexadecimal as ipcs(1) shows it; not 0, which is
// IPC_PRIVATE.
SysvKey parse_sysv_key(const KeyValue& given);
std::string parse_ftok_path(const KeyValue& given);
int parse_ftok_project(const KeyValue& given);

}  // namespace spoolmq::adapters
