/* SPDX-License-Identifier: MIT */
/* action_call: what the clients share: waiting with a deadline, the note about
 * a response, and what an attempt has found. */
#include "resource_alert/clients/action_call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/json_util.h"
#include "core/text.h"

int action_call_set_outcome(struct action_call *call,
                            enum action_outcome outcome, const char *format,
                            ...) {
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(call->finding, sizeof(call->finding), format, arguments);
  va_end(arguments);
  text_blank_controls(call->finding);
  call->outcome = outcome;
  return 0;
}

void action_call_note_response(const struct action_call *call, int code) {
  call->note(call->context, "response",
             json_pack("{s:o}", "error",
                       code == 0 ? json_null()
                                 : json_util_from_text(call->error->text)));
}

int action_call_wait(const struct action_call *call, int fd, short events,
                     const char *peer) {
  int code = clock_wait_fd(fd, events, call->cancel_fd, call->deadline_ms);
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
