/* SPDX-License-Identifier: MIT */
/* prefilter_other: for processors without an engine of their own. */
#include "session_log/scan/prefilter.h"

prefilter_search *prefilter_native(enum prefilter_engine engine) {
  (void)engine;
  return NULL;
}
