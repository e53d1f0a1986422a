/* SPDX-License-Identifier: MIT */
/* action_call: what the clients share: waiting with a deadline, and the note
 * about a response. */
#include "resource_alert/clients/action_call.h"

#include <errno.h>
#include <string.h>

#include "core/fd_wait.h"
#include "core/json_util.h"

void action_call_note_response(const struct action_call *call, int code) {
  call->note(call->context, "response",
             json_pack("{s:o}", "error",
                       code == 0 ? json_null()
                                 : json_util_from_text(call->error->text)));
}

int action_call_wait(const struct action_call *call, int fd, short events,
                     const char *peer) {
  int code = fd_wait(fd, events, call->cancel_fd, call->deadline_ms);
  switch (code) {
  case 0:
    return 0;
  case -ETIMEDOUT:
    return error_set(call->error, code, "%s does not respond in time", peer);
  case -ECANCELED:
    return error_set(call->error, code, "collectd stops");
  default:
    return error_set(call->error, code, "cannot wait: %s", strerror(-code));
  }
}
