/* SPDX-License-Identifier: MIT */
/* action_call: what the clients share: waiting with a deadline, and the note
 * about a response. */
#include "resource_alert/clients/action_call.h"

#include <errno.h>
#include <poll.h>

#include "core/clock.h"
#include "core/json_util.h"

void action_call_note_response(const struct action_call *call, int code) {
  call->note(call->context, "response",
             json_pack("{s:o}", "error",
                       code == 0 ? json_null()
                                 : json_util_from_text(call->error->text)));
}

int action_call_wait(const struct action_call *call, int fd, short events,
                     const char *peer) {
  struct pollfd fds[] = {{.fd = fd, .events = events},
                         {.fd = call->cancel_fd, .events = POLLIN}};
  int ready = poll(fds, 2, clock_left_ms(call->deadline_ms));
  if (ready == 0) {
    return error_set(call->error, -ETIMEDOUT, "%s does not respond in time",
                     peer);
  }
  if (ready > 0 && fds[1].revents != 0) {
    return error_set(call->error, -ECANCELED, "collectd stops");
  }
  return 0;
}
