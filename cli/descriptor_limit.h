#pragma once
// How many descriptors this process may have. For commands that run long.

namespace spoolmq::cli {

// As many as it is allowed to: a queue that is open takes several, and so does a bridge with many
// connections; the soft limit is made for select(2).
void raise_descriptor_limit();

}  // namespace spoolmq::cli
