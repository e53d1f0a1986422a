/* SPDX-License-Identifier: MIT */
/* outlets: where all that is found out goes. */
#ifndef DBPOOL_OUTLETS_H
#define DBPOOL_OUTLETS_H

#include "core/notice.h"
#include "core/report.h"
#include "core/sample.h"

struct outlets {
  struct sample_sink samples;
  struct notice_sink notices;
  struct report_sink report;
};

#endif
