#include "adapters/bridge_kinds.h"

#include <vector>

#include "adapters/box_settings.h"
#include "adapters/datagram_settings.h"
#include "adapters/exec_bridge.h"
#include "adapters/exec_settings.h"
#include "adapters/fetch_settings.h"
#include "adapters/fifo_settings.h"
#include "adapters/forward_settings.h"
#include "adapters/notify_settings.h"
#include "adapters/relay_settings.h"
#include "adapters/shm_settings.h"
#include "adapters/socket_in_settings.h"
#include "adapters/socket_out_settings.h"
#include "adapters/source_program.h"
#include "adapters/stomp_server_settings.h"
#include "adapters/terminal_bridge.h"
#include "adapters/webhook_settings.h"

namespace spoolmq::adapters {

// One row per bridge, in the order in which help lists them.
std::span<const BridgeKind> bridge_kinds() {
  static const std::vector<BridgeKind> kinds{
      {"relay", "moves messages to another queue, here or in another root",
       "spoolmq relay orders --to-queue orders --to-root /srv/other/spool", relay_keys,
       parse_relay},
      {"notify", "signals processes when the queue stops being empty",
       "spoolmq notify orders --notify 4711:USR1 --notify 4712:SIGRTMIN+2", notify_keys,
       parse_notify},
      {"fifo-in", "messages that programs write to a FIFO are sent to Q",
       "spoolmq fifo-in orders --path /run/orders.in", fifo_in_keys, plan_fifo_in},
      {"fifo-out", "messages of Q go to whoever reads a FIFO",
       "spoolmq fifo-out results --path /run/results --answers /run/results.ok", fifo_out_keys,
       plan_fifo_out},
      {"datagram-in", "datagrams of a Unix socket, UDP or syslog are sent to Q",
       "spoolmq datagram-in logs --unix /run/logs --format syslog", datagram_in_keys,
       plan_datagram_in},
      {"datagram-out", "messages of Q go as datagrams to a Unix socket or by UDP",
       "spoolmq datagram-out readings --udp 127.0.0.1:9000 --answers", datagram_out_keys,
       plan_datagram_out},
      {"socket-in", "listens at a Unix or TCP socket; what comes is sent to Q",
       "spoolmq socket-in orders --unix /tmp/orders.sock --answers", socket_in_keys,
       plan_socket_in},
      {"socket-out", "connects to a Unix or TCP socket and hands the messages of Q on",
       "spoolmq socket-out orders --tcp 127.0.0.1:9000 --answers", socket_out_keys,
       plan_socket_out},
      {"forward", "sends the messages of Q to a broker of STOMP, each confirmed by a receipt",
       "spoolmq forward orders --to rabbit1:61613 --to rabbit2:61613 --login-file "
       "/etc/spoolmq/login",
       forward_keys, plan_forward},
      {"fetch", "what a broker of STOMP delivers is sent to Q, each once",
       "spoolmq fetch orders --from rabbit1:61613 --login-file /etc/spoolmq/login", fetch_keys,
       plan_fetch},
      {"stomp", "serves STOMP 1.0, 1.1 and 1.2 clients: they send to queues and read from them",
       "spoolmq stomp --tcp 127.0.0.1:61613 --create", stomp_server_keys, plan_stomp_server,
       OfQueue::kMany},
      {"mq-in", "takes what comes through a POSIX message queue",
       "spoolmq mq-in orders --object /orders --create", mq_in_keys, parse_mq_in},
      {"mq-out", "puts messages into a POSIX message queue",
       "spoolmq mq-out results --object /results --create", mq_out_keys, parse_mq_out},
      {"sysv-in", "takes what comes through a System V message queue",
       "spoolmq sysv-in orders --key 0x1a2b --create", sysv_in_keys, parse_sysv_in},
      {"sysv-out", "puts messages into a System V message queue",
       "spoolmq sysv-out results --key 0x1a2c --create", sysv_out_keys, parse_sysv_out},
      {"shm-in", "takes what comes through a bounded buffer in shared memory",
       "spoolmq shm-in orders --object /orders --create", shm_in_keys, parse_shm_in},
      {"shm-out", "puts messages into a bounded buffer in shared memory",
       "spoolmq shm-out results --object /results --create", shm_out_keys, parse_shm_out},
      {"exec", "runs a program per message, or feeds one that goes on; its answer is the verdict",
       "spoolmq exec orders --concurrency 4 --timeout 1m -- ./handle-order\n"
       "spoolmq exec sums --mode long-lived --reply-queue results -- bc -l",
       exec_keys, parse_exec},
      {"exec-source", "a program whose output becomes messages; one that ends is started again",
       "spoolmq exec-source log -- tail -F /var/log/app.log", source_keys, parse_source},
      {"pty", "types each message at a program that insists on a terminal",
       "spoolmq pty sums --prompt '>>> ' --echo --reply-queue results -- python3 -iq",
       terminal_keys, parse_terminal},
      {"webhook", "posts each message of Q to a URL by HTTP; the answer's status is the verdict",
       "spoolmq webhook orders --url https://host.example/orders --secret-file /etc/spoolmq/hook",
       webhook_keys, plan_webhook},
  };
  return kinds;
}

std::string default_name(std::string_view type, std::string_view queue) {
  std::string name(type);
  if (!queue.empty()) name.append("-").append(queue);
  return name;
}

}  // namespace spoolmq::adapters
